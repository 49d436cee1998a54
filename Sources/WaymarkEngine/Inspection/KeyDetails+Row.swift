import Foundation
import PostgresPQ
import Waymark

extension KeySummary {
    init(_ row: PostgresRow) throws {
        self.init(
            id: try row.decode("id"), scope: try row.decode("scope"), key: try row.decode("key"),
            saga: try row.decode("saga"), recoveryPoint: try row.decode("recovery_point"),
            state: State(rawValue: try row.decode("state")) ?? .due, attempts: try row.decode("attempts"),
            dueSeconds: Self.finite(try row.decode("due_seconds")),
            createdAt: try row.decode("created_at"), progressedAt: try row.decode("progressed_at"))
    }

    /// JSON has no infinity.
    fileprivate static func finite(_ seconds: Double?) -> Double? { seconds.flatMap { $0.isFinite ? $0 : nil } }
}

extension KeyDetails {
    init(_ row: PostgresRow, values: Bool, children: [ChildState], audit: [AuditEntry]) throws {
        let parent: UUID? = try row.decode("parent_id")
        let parentStep: String? = try row.decode("parent_event")
        self.init(
            summary: try KeySummary(row), parent: parent.map { Parent(id: $0, step: parentStep ?? "?") },
            children: children.map {
                Child(step: $0.step, id: $0.id, saga: $0.saga, isDone: $0.isDone, parkedReason: $0.parkedReason)
            }, sagaVersion: try row.decode("saga_version"),
            direction: try row.decode("direction"), fence: try row.decode("fence"),
            lockedBy: try row.decode("locked_by"), leaseSeconds: KeySummary.finite(try row.decode("lease_seconds")),
            lastError: try row.decode("last_error"), parkedReason: try row.decode("parked_reason"),
            responseStatus: try row.decode("response_status"),
            journal: try Self.entries(try row.decode("journal"), values: values),
            branches: try Self.branches(try row.decode("branches"), at: try row.decode("read_at")),
            events: try Self.events(try row.decode("events"), values: values), request: try row.decode("request"),
            response: try row.decode("response"), audit: audit)
    }

    private static func entries(_ journal: String, values: Bool) throws -> [Entry] {
        guard case .array(let entries) = try JSONValue(parsing: journal, depth: JSONCoding.storedDepth + 2) else {
            return []
        }
        return entries.compactMap { entry in
            guard case .object(let members) = entry, case .string(let step) = members["step"],
                case .string(let at) = members["at"], case .number(let attempt) = members["attempt"],
                case .string(let by) = members["by"]
            else { return nil }
            return Entry(
                step: step, at: at, attempt: Int(attempt) ?? 0, by: by,
                output: values ? members["output"]?.canonical : nil)
        }
    }
    /// - Parameter time: of the reading, in seconds since 1970 by the database's clock.
    private static func branches(_ json: String, at time: Double) throws -> [Branch] {
        try JSONCoding.decode([String: BranchState].self, from: json)
            .sorted { $0.key.localizedStandardCompare($1.key) == .orderedAscending }
            .map { name, state in
                let isOver = state.isFinished || state.parked != nil || state.rejected != nil
                let left = state.due.map { $0 - time }
                return Branch(
                    name: name, point: state.point, attempts: state.attempts,
                    dueSeconds: isOver ? nil : left.flatMap { $0 > 0 ? $0 : nil }, event: isOver ? nil : state.event,
                    parkedReason: state.parked, rejectedStatus: state.rejected?.status)
            }
    }

    private static func events(_ json: String, values: Bool) throws -> [Event] {
        guard case .object(let events) = try JSONValue(parsing: json, depth: JSONCoding.storedDepth + 2) else {
            return []
        }
        return events.sorted { $0.key < $1.key }.compactMap { name, event in
            guard case .object(let members) = event, case .string(let at) = members["at"] else { return nil }
            // An event has a value, a child's answer a body.
            let payload = members["value"] ?? members["body"]
            return Event(
                name: name, at: at, isTimeout: payload == nil, payload: values ? payload?.canonical : nil)
        }
    }
}
