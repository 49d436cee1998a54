import Foundation
import PostgresPQ
import Waymark

/// Every statement on the job table but its insert, which belongs to a phase's commit.
struct JobStatements: Sendable {
    let jobs: String
    let leaseSeconds: Double

    /// Takes up to `limit` due jobs that we have handlers for, in the order in which they became due; of each key and lane
    /// only the first that is not delivered, so that no other drain can overtake it.
    ///
    /// First is a job that a drain has begun to deliver, then the one that was due first.
    func claimDue(limit: Int, names: [String]) -> PostgresQuery {
        """
        WITH due AS MATERIALIZED (
            SELECT id FROM \(unescaped: jobs) AS job
            WHERE NOT dead AND run_at <= now() AND name = ANY(\(names))
                AND NOT EXISTS (
                    SELECT FROM \(unescaped: jobs) AS earlier
                    WHERE earlier.key_id = job.key_id AND NOT earlier.dead
                        AND coalesce(earlier.lane, earlier.name) = coalesce(job.lane, job.name)
                        AND (earlier.attempts = 0, earlier.due_at, earlier.created_at, earlier.position)
                            < (job.attempts = 0, job.due_at, job.created_at, job.position))
            ORDER BY run_at, created_at, position LIMIT \(limit)
            FOR UPDATE OF job SKIP LOCKED
        )
        UPDATE \(unescaped: jobs) AS j
        SET fence = j.fence + 1, attempts = j.attempts + 1, run_at = now() + \(leaseSeconds) * interval '1 second'
        FROM due WHERE j.id = due.id
        RETURNING j.id, j.key_id, j.name, j.payload::text, j.fence, j.attempts
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

    /// Gives a job back at once. Its delivery was cut off, so attempt `attempt` does not count.
    func giveBack(_ id: UUID, fence: Int, attempt: Int) -> PostgresQuery {
        """
        UPDATE \(unescaped: jobs) SET run_at = now(), attempts = \(attempt - 1)
        WHERE id = \(id) AND fence = \(fence) AND attempts = \(attempt) AND NOT dead
        """
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
    let fence: Int

    init(_ row: PostgresRow) throws {
        let (id, keyID, name, payload, fence, attempts) =
            try row.decode((UUID, UUID, String, String, Int, Int).self)
        delivery = JobDelivery(id: id, keyID: keyID, attempt: attempts)
        self.name = name
        self.payload = payload
        self.fence = fence
    }
}
