public import Foundation
public import PostgresPQ
public import Waymark

/// Looks at keys without touching them.
public struct KeyInspector: Sendable {
    /// Which keys to list.
    public struct Filter: Sendable {
        public var saga: String?
        public var scope: String?
        public var state: KeySummary.State?
        /// The most keys to list, newest first.
        public var limit = 50

        public init() {}
    }

    private let postgres: PostgresClient
    private let keys: String

    public init(postgres: PostgresClient, schema: SchemaName = .waymark) {
        self.postgres = postgres
        keys = "\(schema).keys"
    }

    /// The state of a row, in words of `KeySummary.State`.
    private static let state = """
        CASE WHEN done THEN CASE WHEN direction = 'forward' THEN 'finished' ELSE 'rejected' END
            WHEN parked_reason IS NOT NULL THEN 'parked'
            WHEN lease_until > now() THEN 'running'
            WHEN run_at > now() THEN 'waiting'
            ELSE 'due' END
        """

    public func list(_ filter: Filter = Filter()) async throws -> [KeySummary] {
        try await postgres.query(
            """
            SELECT id, scope, key, saga, recovery_point, state, attempts, created_at, progressed_at
            FROM (SELECT *, \(unescaped: Self.state) AS state FROM \(unescaped: keys)) AS k
            WHERE saga = coalesce(\(filter.saga)::text, saga) AND scope = coalesce(\(filter.scope)::text, scope)
                AND state = coalesce(\(filter.state?.rawValue)::text, state)
            ORDER BY created_at DESC LIMIT \(filter.limit)
            """
        ).map(KeySummary.init)
    }

    /// One key by its id; nil when there is none.
    /// - Parameter values: whether to read the request, the outputs and the response, which may hold personal data.
    public func show(_ id: UUID, values: Bool = false) async throws -> KeyDetails? {
        let row = try await postgres.query(
            """
            SELECT id, scope, key, saga, recovery_point, \(unescaped: Self.state) AS state, attempts, created_at, progressed_at,
                saga_version, direction, fence, locked_by,
                CASE WHEN lease_until > now() THEN extract(epoch FROM lease_until - now())::float8 END AS lease_seconds,
                CASE WHEN NOT done AND parked_reason IS NULL THEN extract(epoch FROM run_at - now())::float8 END
                    AS due_seconds,
                last_error, parked_reason, response_status, journal::text AS journal,
                CASE WHEN \(values) THEN request::text END AS request,
                CASE WHEN \(values) THEN response_body END AS response
            FROM \(unescaped: keys) WHERE id = \(id)
            """
        ).first
        return try row.map { try KeyDetails($0, values: values) }
    }

    /// One key by what the client calls it.
    public func show(scope: Scope, key: IdempotencyKey, values: Bool = false) async throws -> KeyDetails? {
        try await show(KeyIdentity.rowID(scope: scope, key: key), values: values)
    }
}

extension KeySummary {
    init(_ row: PostgresRow) throws {
        self.init(
            id: try row.decode("id"), scope: try row.decode("scope"), key: try row.decode("key"),
            saga: try row.decode("saga"), recoveryPoint: try row.decode("recovery_point"),
            state: State(rawValue: try row.decode("state")) ?? .due, attempts: try row.decode("attempts"),
            createdAt: try row.decode("created_at"), progressedAt: try row.decode("progressed_at"))
    }
}

extension KeyDetails {
    init(_ row: PostgresRow, values: Bool) throws {
        self.init(
            summary: try KeySummary(row), sagaVersion: try row.decode("saga_version"),
            direction: try row.decode("direction"), fence: try row.decode("fence"),
            lockedBy: try row.decode("locked_by"), leaseSeconds: try row.decode("lease_seconds"),
            dueSeconds: try row.decode("due_seconds"), lastError: try row.decode("last_error"),
            parkedReason: try row.decode("parked_reason"), responseStatus: try row.decode("response_status"),
            journal: try Self.entries(try row.decode("journal"), values: values), request: try row.decode("request"),
            response: try row.decode("response"))
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
}
