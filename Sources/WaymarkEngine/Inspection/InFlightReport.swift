public import PostgresPQ
import Waymark

/// What the unfinished keys need, and whether this process's sagas have it.
///
/// A deployment that changes a saga, or goes back to an earlier version, may leave the keys that are in flight without what
/// they need to go on. To be asked before a process starts.
public struct InFlightReport: Codable, Sendable, Equatable {
    /// So many keys of one saga need the same thing.
    public struct Entry: Codable, Sendable, Hashable, CustomStringConvertible {
        public let saga: String
        /// A recovery point (`charged`, `charged:begun`), that of a branch (`prepared/labelled`), the branches of a group
        /// (`prepared{booked,labelled}`), a committed step that is to be undone (`journal:charged`), or a later version of the
        /// saga (`version:2`).
        public let point: String
        public let keys: Int
        public let isKnown: Bool

        public var description: String { "\(saga) at \(point): \(keys) \(keys == 1 ? "key" : "keys")" }
    }

    /// Something that keeps keys of one saga, at one recovery point, from going on.
    public struct Problem: Codable, Sendable, Hashable, CustomStringConvertible {
        public let saga: String
        public let point: String
        /// How many keys have it; where only a sample was looked at, how many are like the one that was.
        public let keys: Int
        public let problem: String
        /// What to declare, or to do.
        public let remedy: String

        public var description: String {
            "\(saga) at \(point): \(keys) \(keys == 1 ? "key" : "keys"): \(problem): \(remedy)"
        }
    }

    /// By saga and point; one key may be in several. Of versions, branches and steps to be undone only those that are not known.
    public let entries: [Entry]

    /// Committed steps that their saga does not have any more, of keys that go forward. When one of these keys were rejected it
    /// would be parked, because nobody knows how to undo the step.
    public let forgottenSteps: [Entry]

    /// What else keeps keys from going on, found by looking at some keys of each kind, or at all.
    public let problems: [Problem]

    /// Steps that came to the declaration before the recovery points of keys in flight: these keys go on without them.
    public let passedOverSteps: [Entry]

    /// What no saga of this process can go on with.
    public var unknown: [Entry] { entries.filter { !$0.isKnown } }

    /// Whether this process can go on with every key.
    public var isSafe: Bool { unknown.isEmpty && forgottenSteps.isEmpty && problems.isEmpty }

    /// - Throws: `UnknownInFlightError` when there are keys that this process cannot go on with.
    public func verify() throws {
        if !isSafe {
            throw UnknownInFlightError(entries: unknown, forgottenSteps: forgottenSteps, problems: problems)
        }
    }
}

/// There are unfinished keys that this process's sagas cannot go on with, or would break.
public struct UnknownInFlightError: Error, Sendable, CustomStringConvertible {
    public let entries: [InFlightReport.Entry]
    public let forgottenSteps: [InFlightReport.Entry]
    public let problems: [InFlightReport.Problem]

    public var description: String {
        var sentences: [String] = []
        if !entries.isEmpty {
            sentences.append(
                "keys are in flight that no saga here can go on with (\(Self.list(entries))): declare renamed(from:) on the "
                    + "step that took the place of another, or let a process that knows them finish them")
        }
        if !forgottenSteps.isEmpty {
            sentences.append(
                "keys have passed steps that are not declared any more and could not be undone "
                    + "(\(Self.list(forgottenSteps))): \(Self.remedyOfForgottenSteps)")
        }
        return (sentences + problems.map(\.description)).joined(separator: "; ")
    }

    /// What to declare for a step that is not declared any more.
    public static let remedyOfForgottenSteps =
        "declare renamed(from:) on the step that took its place, or name it in removedSteps where nothing is to be undone"

    private static func list(_ entries: [InFlightReport.Entry]) -> String {
        entries.map(\.description).joined(separator: "; ")
    }
}

extension SagaRegistry {
    /// Looks at what is in flight: counts what every unfinished key needs, and reads some keys of each kind as a runner would.
    /// It reads no finished key.
    /// - Parameter thorough: whether to read every unfinished key, not only some of each kind.
    /// - Throws: `PostgresError`.
    public func inFlight(
        on postgres: PostgresClient, schema: SchemaName = .waymark, thorough: Bool = false
    ) async throws -> InFlightReport {
        let statements = KeyStatements(schema: schema, holder: "", lease: .zero, retention: .zero)
        var entries: [InFlightReport.Entry] = []
        var forgotten: [InFlightReport.Entry] = []
        for row in try await postgres.query(statements.inFlight) {
            let (saga, need, keys) = try row.decode((String, String, Int).self)
            let step = need.hasPrefix("committed:") ? String(need.dropFirst("committed:".count)) : nil
            let isKnown = accepted.contains("\(saga)/\(step.map { "journal:\($0)" } ?? need)")
            let entry = InFlightReport.Entry(saga: saga, point: step ?? need, keys: keys, isKnown: isKnown)
            let isPoint = !(need.hasPrefix("journal:") || need.hasPrefix("version:") || need.hasSuffix("}"))
            if step != nil {
                // Of a saga that is not here at all, the recovery points say so.
                if !isKnown, declarations.contains(where: { $0.name == saga }) { forgotten.append(entry) }
            } else if !isKnown || isPoint {
                entries.append(entry)
            }
        }
        let rehearsed = try await InFlightRehearsals(of: self, on: postgres, statements, thorough: thorough)
        return InFlightReport(
            entries: entries, forgottenSteps: forgotten, problems: rehearsed.problems,
            passedOverSteps: rehearsed.passedOver)
    }
}

extension Orchestrator {
    /// Looks at what is in flight, with this orchestrator's sagas: `try await orchestrator.inFlight().verify()` before it runs.
    /// - Parameter thorough: whether to read every unfinished key, not only some of each kind.
    /// - Throws: `PostgresError`.
    public func inFlight(thorough: Bool = false) async throws -> InFlightReport {
        try await sagas.inFlight(on: engine.postgres, schema: engine.configuration.schema, thorough: thorough)
    }
}
