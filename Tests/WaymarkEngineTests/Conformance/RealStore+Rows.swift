import Foundation
import PostgresPQ
import Simulation
import Waymark

/// Rows as text, the real ones and the model's, so that a difference can be read.
extension RealStore {
    func clear() async throws {
        _ = try await client.pipeline(["DELETE FROM waymark.keys", "DELETE FROM waymark.jobs"])
    }

    /// Lets time pass: everything that is recorded was so much earlier.
    func age(seconds: Int) async throws {
        let age = "interval '\(seconds) seconds'"
        _ = try await client.pipeline([
            """
            UPDATE waymark.keys SET progressed_at = progressed_at - \(unescaped: age), locked_at = locked_at - \(unescaped: age),
                lease_until = lease_until - \(unescaped: age), run_at = run_at - \(unescaped: age),
                finished_at = finished_at - \(unescaped: age), expires_at = expires_at - \(unescaped: age)
            """,
            """
            UPDATE waymark.jobs SET run_at = run_at - \(unescaped: age), due_at = due_at - \(unescaped: age),
                created_at = created_at - \(unescaped: age)
            """,
        ])
    }

    func rows() async throws -> [String] {
        let keys = try await client.query(
            """
            SELECT array_to_string(ARRAY[
                key, incarnation::text, recovery_point, direction, fence::text, locked_by, attempts::text, deaths::text,
                last_error, parked_reason, doubtful_point, response_status::text, response_body, done::text, journal_steps,
                \(unescaped: Self.time("progressed_at")), \(unescaped: Self.time("locked_at")),
                \(unescaped: Self.time("lease_until")), \(unescaped: Self.time("run_at")),
                \(unescaped: Self.time("finished_at")), \(unescaped: Self.time("expires_at"))], ' ', '-')
            FROM waymark.keys CROSS JOIN LATERAL (
                SELECT coalesce(string_agg(entry ->> 'step' || '=' || (entry -> 'output')::text, ',' ORDER BY number), '')
                FROM jsonb_array_elements(journal) WITH ORDINALITY AS e (entry, number)) AS j (journal_steps)
            """
        ).decode(String.self)
        let jobs = try await client.query(
            """
            SELECT array_to_string(ARRAY[id::text, fence::text, attempts::text, dead::text, lane,
                \(unescaped: Self.time("run_at")), \(unescaped: Self.time("due_at")),
                \(unescaped: Self.time("created_at"))], ' ', '-')
            FROM waymark.jobs
            """
        ).decode(String.self)
        return (keys + jobs).sorted()
    }

    private static func time(_ column: String) -> String {
        "CASE WHEN \(column) = 'infinity' THEN 'infinity' ELSE (extract(epoch FROM \(column)) * 1000000)::bigint::text END"
    }
}

extension ModelStore {
    /// The same of the model.
    func rows() -> [String] {
        let keys = keys.values.map { row -> String in
            let journal = row.journal.map { "\(EntryText.step($0) ?? "")=\(EntryText.output($0) ?? 0)" }
            let columns: [String?] = [
                row.context.key.description, row.context.incarnation.uuidString.lowercased(), row.recoveryPoint,
                row.direction.rawValue, "\(row.fence)", row.lockedBy, "\(row.attempts)", "\(row.deaths)", row.lastError,
                row.parkedReason?.rawValue, row.doubtfulPoint, row.answer.map { "\($0.status)" }, row.answer?.body,
                "\(row.done)",
                journal.joined(separator: ","), Self.time(row.progressedAt), row.lockedAt.map(Self.time),
                Self.time(row.leaseUntil), Self.time(row.runAt), row.finishedAt.map(Self.time),
                row.expiresAt.map(Self.time),
            ]
            return columns.map { $0 ?? "-" }.joined(separator: " ")
        }
        let jobs = jobs.values.map { job in
            [
                job.id.uuidString.lowercased(), "\(job.fence)", "\(job.attempts)", "\(job.dead)", job.lane,
                Self.time(job.runAt), Self.time(job.dueAt), Self.time(job.createdAt),
            ].joined(separator: " ")
        }
        return (keys + jobs).sorted()
    }

    private static func time(_ microseconds: Int) -> String {
        microseconds == ModelKey.infinity ? "infinity" : "\(microseconds)"
    }
}
