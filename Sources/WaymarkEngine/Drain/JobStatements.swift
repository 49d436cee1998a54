import Foundation
import PostgresPQ
import Waymark

/// Every statement on the job table but its insert, which belongs to a phase's commit.
struct JobStatements: Sendable {
    let jobs: String
    let leaseSeconds: Double

    /// Takes up to `limit` due jobs that we have handlers for, in the order in which they became due.
    func claimDue(limit: Int, names: [String]) -> PostgresQuery {
        """
        WITH due AS MATERIALIZED (
            SELECT id FROM \(unescaped: jobs)
            WHERE NOT dead AND run_at <= now() AND name = ANY(\(names))
            ORDER BY run_at, created_at, position LIMIT \(limit)
            FOR UPDATE SKIP LOCKED
        )
        UPDATE \(unescaped: jobs) AS j
        SET fence = j.fence + 1, attempts = j.attempts + 1, run_at = now() + \(leaseSeconds) * interval '1 second'
        FROM due WHERE j.id = due.id
        RETURNING j.id, j.key_id, j.name, j.payload::text, j.position, j.fence, j.attempts, j.created_at
        """
    }

    /// Deletes a job that was acknowledged, also when its lease has lapsed meanwhile: it is delivered.
    func acknowledge(_ id: UUID) -> PostgresQuery {
        "DELETE FROM \(unescaped: jobs) WHERE id = \(id)"
    }

    func retry(_ id: UUID, fence: Int, after delay: Duration, error: String) -> PostgresQuery {
        """
        UPDATE \(unescaped: jobs) SET run_at = now() + \(delay.inSeconds) * interval '1 second', last_error = \(error)
        WHERE id = \(id) AND fence = \(fence)
        """
    }

    /// Gives a job back that was not tried.
    func giveBack(_ id: UUID, fence: Int) -> PostgresQuery {
        "UPDATE \(unescaped: jobs) SET run_at = now(), attempts = attempts - 1 WHERE id = \(id) AND fence = \(fence)"
    }

    func bury(_ id: UUID, fence: Int, error: String) -> PostgresQuery {
        """
        UPDATE \(unescaped: jobs) SET dead = true, run_at = 'infinity', last_error = \(error)
        WHERE id = \(id) AND fence = \(fence)
        """
    }
}

/// A job that this process holds.
struct ClaimedJob: Sendable {
    let delivery: JobDelivery
    let name: String
    let payload: String
    let position: Int
    let fence: Int
    let createdAt: Date

    init(_ row: PostgresRow) throws {
        let (id, keyID, name, payload, position, fence, attempts, createdAt) =
            try row.decode((UUID, UUID, String, String, Int, Int, Int, Date).self)
        delivery = JobDelivery(id: id, keyID: keyID, attempt: attempts)
        self.name = name
        self.payload = payload
        self.position = position
        self.fence = fence
        self.createdAt = createdAt
    }
}
