public import PostgresPQ
import Waymark

/// What the unfinished keys are waiting for, and whether this process's sagas know it.
///
/// A deployment that removes or renames a step, or goes back to an earlier version, leaves the keys that are in flight
/// without a declaration to go on with: nobody claims them. To be asked before a process starts.
public struct InFlightReport: Codable, Sendable, Equatable {
    /// So many keys of one saga need the same thing.
    public struct Entry: Codable, Sendable, Hashable, CustomStringConvertible {
        public let saga: String
        /// A recovery point (`charged`, `charged:begun`), that of a branch (`prepared/labelled`), a committed step that is to
        /// be undone (`journal:charged`), or a later version of the saga (`version:2`).
        public let point: String
        public let keys: Int
        public let isKnown: Bool

        public var description: String { "\(saga) at \(point): \(keys) \(keys == 1 ? "key" : "keys")" }
    }

    /// By saga and point; one key may be in several. Of versions and of steps to be undone only those that are not known.
    public let entries: [Entry]

    /// Committed steps that their saga does not have any more, of keys that go forward. They go on; when one is rejected
    /// later it is parked, because nobody knows how to undo the step.
    public let forgottenSteps: [Entry]

    /// What no saga of this process can go on with.
    public var unknown: [Entry] { entries.filter { !$0.isKnown } }

    /// - Throws: `UnknownInFlightError` when there are keys that this process cannot go on with.
    public func verify() throws {
        if !unknown.isEmpty { throw UnknownInFlightError(entries: unknown) }
    }
}

/// There are unfinished keys that this process's sagas do not know how to go on with.
public struct UnknownInFlightError: Error, Sendable, CustomStringConvertible {
    public let entries: [InFlightReport.Entry]

    public var description: String {
        "keys are in flight that no saga here can go on with (\(entries.map(\.description).joined(separator: "; "))): "
            + "declare renamed(from:) on the step that took the place of another, or let a process that knows them finish them"
    }
}

extension SagaRegistry {
    /// Looks at what is in flight. One statement, which reads every unfinished key and no finished one.
    /// - Throws: `PostgresError`.
    public func inFlight(on postgres: PostgresClient, schema: SchemaName = .waymark) async throws -> InFlightReport {
        let statements = KeyStatements(schema: schema, holder: "", lease: .zero, retention: .zero)
        var entries: [InFlightReport.Entry] = []
        var forgotten: [InFlightReport.Entry] = []
        for row in try await postgres.query(statements.inFlight) {
            let (saga, need, keys) = try row.decode((String, String, Int).self)
            let step = need.hasPrefix("committed:") ? String(need.dropFirst("committed:".count)) : nil
            let isKnown = accepted.contains("\(saga)/\(step.map { "journal:\($0)" } ?? need)")
            let entry = InFlightReport.Entry(saga: saga, point: step ?? need, keys: keys, isKnown: isKnown)
            if step != nil {
                // Of a saga that is not here at all, the recovery points say so.
                if !isKnown, declarations.contains(where: { $0.name == saga }) { forgotten.append(entry) }
            } else if !isKnown || !(need.hasPrefix("journal:") || need.hasPrefix("version:")) {
                entries.append(entry)
            }
        }
        return InFlightReport(entries: entries, forgottenSteps: forgotten)
    }
}

extension Orchestrator {
    /// Looks at what is in flight, with this orchestrator's sagas: `try await orchestrator.inFlight().verify()` before it runs.
    /// - Throws: `PostgresError`.
    public func inFlight() async throws -> InFlightReport {
        try await sagas.inFlight(on: engine.postgres, schema: engine.configuration.schema)
    }
}
