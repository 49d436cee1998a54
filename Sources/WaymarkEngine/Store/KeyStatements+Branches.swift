import Foundation
import PostgresPQ
import Waymark

/// What is recorded of one branch of a group while the group is under way.
struct BranchState: Codable, Sendable, Equatable {
    var point: String
    /// Attempts at the step behind the point.
    var attempts = 1
    /// Seconds since 1970 by the database's clock: when the point was committed.
    var since: Double?
    /// The same: before when the branch has nothing to do.
    var due: Double?
    /// The event that would end its wait.
    var event: String?
    var parked: String?
    /// Whether a call may have happened that the step behind the point has made.
    var doubt: Bool?
    /// The rejection that the branch came to.
    var rejected: Answer?

    struct Answer: Codable, Sendable, Equatable {
        let status: Int
        let body: String
    }

    /// Whether the branch has recorded nothing: it was never begun, or whoever began it died over its first attempt.
    var isUntouched: Bool {
        point == SagaDeclaration.started && attempts == 1 && due == nil && parked == nil && rejected == nil
    }

    var isFinished: Bool { point == SagaDeclaration.finished }

    var json: String {
        // Names, numbers and a body that is text already: they always encode.
        (try? JSONCoding.encode(self)) ?? "{}"
    }
}

extension KeyStatements {
    /// Records where a branch stands. Guarded like every write, by the branch's point too.
    /// - Parameters:
    ///   - isProgress: whether its point moves: attempts at the group are counted anew then.
    ///   - delay: from now until the branch has something to do.
    ///   - bound: what the recorded attempts are below; whatever they are where nil. A count that arrives late must not take
    ///     back what was recorded since.
    func move(
        _ id: UUID, fence: Int, _ line: LineID, from: String, _ state: BranchState, isProgress: Bool,
        due delay: Duration? = nil, attemptsBelow bound: Int? = nil, entry: JournalEntry? = nil, error: String? = nil
    ) -> PostgresQuery {
        guard case .branch(let branch, let group) = line else {
            preconditionFailure("the key's own line has columns of its own")
        }
        let since = isProgress ? "extract(epoch FROM now())" : "branches #> ARRAY['\(branch)', 'since']"
        let attempts = isProgress ? "attempts = 1, deaths = 0," : ""
        let version = entry?.version ?? 1
        let entry = appended(entry)
        return """
            UPDATE \(unescaped: keys)
            SET branches = branches || jsonb_build_object(\(branch)::text, \(state.json)::jsonb
                    || jsonb_build_object('since', \(unescaped: since))
                    || jsonb_strip_nulls(
                        jsonb_build_object('due', extract(epoch FROM now()) + \(delay.map { Self.seconds(of: $0) })::float8))),
                journal = journal || (\(entry.json)::jsonb || \(unescaped: entry.at)),
                steps_version = greatest(steps_version, \(version)), \(unescaped: attempts) last_error = \(error)
            WHERE id = \(id) AND fence = \(fence) AND recovery_point = \(group) AND done IS NOT TRUE
                AND branches #>> ARRAY[\(branch)::text, 'point'] = \(from)
                AND coalesce((branches #>> ARRAY[\(branch)::text, 'attempts'])::int, 1) < coalesce(\(bound)::int, \(Int32.max)::int)
            RETURNING 1
            """
    }
}
