import PostgresPQ
import Waymark
import WaymarkEngine

extension CrashRun {
    /// Says where a request stands that does not come to an end: what the rounds did, every unfinished key as an operator
    /// sees it, without requests and outputs, and the sessions that have a transaction open.
    func notFinished(after rounds: [Completionist.Round]) async throws -> CrashMatrixError {
        let claimed = rounds.count { $0.claimed > 0 }
        let last = rounds.last.map { "the last one: \($0)" } ?? ""
        let lines = try await ["\(claimed) of them claimed a key; \(last)"] + unfinishedKeys + openTransactions
        return CrashMatrixError(
            description: "not finished after \(rounds.count) rounds of a completionist\n"
                + lines.map { "        \($0)" }.joined(separator: "\n"))
    }

    private var unfinishedKeys: [String] {
        get async throws {
            let inspector = KeyInspector(postgres: stage.database.client)
            var lines: [String] = []
            for key in try await inspector.list() where ![.finished, .rejected, .parked].contains(key.state) {
                guard let details = try await inspector.show(key.id) else { continue }
                lines.append("key: \(try JSONCoding.encode(details))")
            }
            return lines
        }
    }

    private var openTransactions: [String] {
        get async throws {
            try await stage.database.client.query(
                """
                SELECT application_name, coalesce(state, ''), coalesce(wait_event, ''), query FROM pg_stat_activity
                WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL
                """
            ).decode((String, String, String, String).self).map { name, state, wait, statement in
                "open transaction: \(name), \(state), waits for '\(wait)': \(CrashBoundary.shortened(statement))"
            }
        }
    }
}
