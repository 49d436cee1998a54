import Foundation
import PostgresPQ
import Waymark

/// What the holder of a key writes. Every statement is guarded by its fence and by the recovery point it is about.
extension KeyStatements {
    /// Moves the recovery point, with what the step returned. Gives no row when the lease was lost or the point has
    /// moved.
    func advance(_ id: UUID, fence: Int, _ work: Work, entry: JournalEntry) -> PostgresQuery {
        """
        UPDATE \(unescaped: keys)
        SET recovery_point = \(work.to), attempts = 1, progressed_at = now(), last_error = NULL,
            journal = journal || jsonb_build_array(jsonb_build_object('step', \(entry.step)::text,
                'output', \(PostgresJSONText(entry.output))::jsonb, 'at', now(),
                'attempt', \(entry.attempt)::int, 'by', \(holder)::text))
        WHERE id = \(id) AND fence = \(fence) AND recovery_point = \(work.from) AND NOT done
        RETURNING 1
        """
    }

    /// The same for the last step: the answer commits with it. Without `answer`, the pending one becomes final.
    func finish(_ id: UUID, fence: Int, _ work: Work, entry: JournalEntry, answer: StoredAnswer?) -> PostgresQuery {
        """
        UPDATE \(unescaped: keys)
        SET recovery_point = \(work.to), attempts = 1, progressed_at = now(), last_error = NULL,
            journal = journal || jsonb_build_array(jsonb_build_object('step', \(entry.step)::text,
                'output', \(PostgresJSONText(entry.output))::jsonb, 'at', now(),
                'attempt', \(entry.attempt)::int, 'by', \(holder)::text)),
            response_status = coalesce(\(answer?.status)::smallint, response_status),
            response_body = coalesce(\(answer?.body)::text, response_body),
            done = true, finished_at = now(), expires_at = now() + \(retentionSeconds) * interval '1 second',
            lease_until = now(), locked_by = NULL
        WHERE id = \(id) AND fence = \(fence) AND recovery_point = \(work.from) AND NOT done
        RETURNING 1
        """
    }

    /// Makes a guarded update fail, and with it its transaction, when it found no row: `1/0` instead of a round trip.
    func orFail(_ update: PostgresQuery) -> PostgresQuery {
        PostgresQuery(
            unsafeSQL: "WITH moved AS (\(update.sql)) SELECT 1/count(*) FROM moved", binds: update.binds)
    }

    /// Turns the request round: the rejection becomes the pending answer, compensations come next.
    func reject(_ id: UUID, fence: Int, from point: String, answer: StoredAnswer, error: String) -> PostgresQuery {
        """
        UPDATE \(unescaped: keys)
        SET direction = 'compensating', response_status = \(answer.status)::smallint, response_body = \(answer.body),
            attempts = 1, progressed_at = now(), last_error = \(error)
        WHERE id = \(id) AND fence = \(fence) AND recovery_point = \(point) AND NOT done
        RETURNING 1
        """
    }

    /// Finishes with a rejection that has nothing to undo.
    func finishRejected(
        _ id: UUID, fence: Int, from point: String, answer: StoredAnswer, error: String
    ) -> PostgresQuery {
        """
        UPDATE \(unescaped: keys)
        SET direction = 'compensating', response_status = \(answer.status)::smallint, response_body = \(answer.body),
            recovery_point = \(SagaDeclaration.finished), attempts = 1, progressed_at = now(), last_error = \(error),
            done = true, finished_at = now(), expires_at = now() + \(retentionSeconds) * interval '1 second',
            lease_until = now(), locked_by = NULL
        WHERE id = \(id) AND fence = \(fence) AND recovery_point = \(point) AND NOT done
        RETURNING 1
        """
    }

    /// Counts one more attempt, before it is made.
    func recordAttempt(_ id: UUID, fence: Int, at point: String, attempt: Int, error: String) -> PostgresQuery {
        """
        UPDATE \(unescaped: keys) SET attempts = \(attempt), last_error = \(error)
        WHERE id = \(id) AND fence = \(fence) AND recovery_point = \(point) AND NOT done
        RETURNING 1
        """
    }

    /// Gives the lease back, due again after `delay`. The next claim counts a new attempt, so a stop that made none
    /// passes one less as `attempts`.
    func release(_ id: UUID, fence: Int, at point: String, after delay: Duration, attempts: Int, error: String?)
        -> PostgresQuery
    {
        """
        UPDATE \(unescaped: keys)
        SET lease_until = now(), run_at = now() + \(delay.inSeconds) * interval '1 second', locked_by = NULL,
            attempts = \(attempts), last_error = coalesce(\(error)::text, last_error)
        WHERE id = \(id) AND fence = \(fence) AND recovery_point = \(point) AND NOT done
        RETURNING 1
        """
    }

    /// Puts the key in front of a person.
    func park(_ id: UUID, fence: Int, at point: String, reason: ParkedReason, error: String?) -> PostgresQuery {
        """
        UPDATE \(unescaped: keys)
        SET lease_until = now(), run_at = 'infinity', locked_by = NULL, parked_reason = \(reason.rawValue),
            last_error = coalesce(\(error)::text, last_error)
        WHERE id = \(id) AND fence = \(fence) AND recovery_point = \(point) AND NOT done
        RETURNING 1
        """
    }

    /// Inserts a job that a phase staged.
    func stage(_ job: StagedJob, id: UUID, keyID: UUID, position: Int) -> PostgresQuery {
        """
        INSERT INTO \(unescaped: jobs) (id, key_id, name, payload, position, run_at)
        VALUES (\(id), \(keyID), \(job.name), \(PostgresJSONText(job.payload)), \(position)::smallint,
            now() + \(job.delay.inSeconds) * interval '1 second')
        """
    }
}

/// What a finished step leaves in the journal.
struct JournalEntry: Sendable {
    let step: String
    let output: String
    let attempt: Int
}
