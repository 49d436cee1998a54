import Foundation
import PostgresPQ
import Waymark

/// What the holder of a key writes. Every statement is guarded by its fence and by the recovery point it is about.
extension KeyStatements {
    /// Moves a line's recovery point, with what the step returned. Gives no row when the lease was lost or the point has
    /// moved.
    /// - Parameters:
    ///   - direction: the one that the step is on. The recovery point alone does not tell: a rejection does not move it, and
    ///     a forward commit may still be under way then, on a connection that was given up.
    ///   - call: what the foreign call before it left, where that commits with it; `from` is where the call began then.
    func advance(
        _ id: UUID, fence: Int, _ line: LineID, going direction: Direction = .forward, from: String, to: String,
        after call: JournalEntry? = nil, entry: JournalEntry
    ) -> PostgresQuery {
        if case .branch = line {
            return move(id, fence: fence, line, from: from, BranchState(point: to), isProgress: true, entry: entry)
        }
        let call = appended(call)
        return """
            UPDATE \(unescaped: keys)
            SET recovery_point = \(to), attempts = 1, deaths = 0, progressed_at = now(), last_error = NULL,
                branches = '{}', steps_version = greatest(steps_version, \(entry.version)),
                journal = journal || (\(call.json)::jsonb || \(unescaped: call.at))
                    || (\(entry.json(by: holder))::jsonb || jsonb_build_object('at', now()))
            WHERE id = \(id) AND fence = \(fence) AND recovery_point = \(from) AND direction = \(direction.rawValue)
                AND done IS NOT TRUE
            RETURNING 1
            """
    }

    /// The same for the last step: the answer commits with it. Without `answer`, the pending one becomes final, on the way
    /// back.
    func finish(
        _ id: UUID, fence: Int, from: String, after call: JournalEntry? = nil, entry: JournalEntry,
        answer: StoredAnswer?
    ) -> PostgresQuery {
        let direction = answer == nil ? Direction.compensating : .forward
        let call = appended(call)
        return """
            UPDATE \(unescaped: keys)
            SET recovery_point = \(SagaDeclaration.finished), attempts = 1, progressed_at = now(), last_error = NULL,
                branches = '{}',
                journal = journal || (\(call.json)::jsonb || \(unescaped: call.at))
                    || (\(entry.json(by: holder))::jsonb || jsonb_build_object('at', now())),
                response_status = coalesce(\(answer?.status)::smallint, response_status),
                response_body = coalesce(\(answer?.body)::text, response_body),
                done = true, finished_at = now(), expires_at = now() + \(retentionSeconds) * interval '1 second',
                lease_until = now(), locked_by = NULL
            WHERE id = \(id) AND fence = \(fence) AND recovery_point = \(from) AND direction = \(direction.rawValue)
                AND done IS NOT TRUE
            RETURNING 1
            """
    }

    /// Commits that a step is about to be performed.
    /// - Parameters:
    ///   - entry: what is to be remembered of its beginning.
    ///   - branches: the lines of a group, by their names.
    func begin(
        _ id: UUID, fence: Int, _ line: LineID, going direction: Direction = .forward, from: String, to: String,
        attempts: Int, entry: JournalEntry? = nil, branches: [String] = []
    ) -> PostgresQuery {
        if case .branch = line {
            let state = BranchState(point: to, attempts: attempts)
            return move(id, fence: fence, line, from: from, state, isProgress: true)
        }
        let states = branches.map { "\"\($0)\":\(BranchState(point: SagaDeclaration.started).json)" }
        let version = entry?.version ?? 1
        let entry = appended(entry)
        return """
            UPDATE \(unescaped: keys)
            SET recovery_point = \(to), attempts = \(attempts), progressed_at = now(),
                steps_version = greatest(steps_version, \(version)),
                journal = journal || (\(entry.json)::jsonb || \(unescaped: entry.at)),
                branches = \("{\(states.joined(separator: ","))}")::jsonb
            WHERE id = \(id) AND fence = \(fence) AND recovery_point = \(from) AND direction = \(direction.rawValue)
                AND done IS NOT TRUE
            RETURNING 1
            """
    }

    /// What an entry adds to the journal, in two parts to be concatenated: itself, and the time. Without one, empty arrays,
    /// which add nothing.
    func appended(_ entry: JournalEntry?) -> (json: String, at: String) {
        guard let entry else { return ("[]", "'[]'") }
        return (entry.json(by: holder), "jsonb_build_object('at', now())")
    }

    /// Commits that nothing is to be done until `end`, and gives the lease back. Waking counts no attempt. An event that is
    /// there already ends the rest at once.
    /// - Parameter entry: what is to be remembered of its beginning; only of a rest for so long.
    func rest(
        _ id: UUID, fence: Int, from: String, to: String, until end: Wake, event: String? = nil,
        entry: JournalEntry? = nil
    ) -> PostgresQuery {
        let entry = appended(entry)
        switch end {
        case .after(let delay):
            return """
                UPDATE \(unescaped: keys)
                SET recovery_point = \(to), attempts = 0, deaths = 0, progressed_at = now(), last_error = NULL, lease_until = now(),
                    locked_by = NULL, run_at = now() + CASE WHEN events ? coalesce(\(event)::text, '') THEN 0 ELSE 1 END
                        * \(delay.inSeconds) * interval '1 second',
                    journal = journal || (\(entry.json)::jsonb || \(unescaped: entry.at))
                WHERE id = \(id) AND fence = \(fence) AND recovery_point = \(from) AND direction = 'forward' AND done IS NOT TRUE
                RETURNING 1
                """
        case .at(let date):
            return """
                UPDATE \(unescaped: keys)
                SET recovery_point = \(to), attempts = 0, deaths = 0, progressed_at = now(), last_error = NULL, lease_until = now(),
                    locked_by = NULL, run_at = \(date)
                WHERE id = \(id) AND fence = \(fence) AND recovery_point = \(from) AND direction = 'forward' AND done IS NOT TRUE
                RETURNING 1
                """
        }
    }

    /// Makes a guarded update fail, and with it its transaction, when it found no row: `1/0` instead of a round trip.
    func orFail(_ update: PostgresQuery) -> PostgresQuery {
        PostgresQuery(
            unsafeSQL: "WITH moved AS (\(update.sql)) SELECT 1/count(*) FROM moved", binds: update.binds)
    }

    /// Turns the request round, once: the rejection becomes the pending answer, compensations come next. A second sending
    /// that arrives late must not set attempts and the age of the recovery point back.
    func reject(_ id: UUID, fence: Int, from point: String, answer: StoredAnswer, error: String) -> PostgresQuery {
        """
        UPDATE \(unescaped: keys)
        SET direction = 'compensating', branches = '{}', response_status = \(answer.status)::smallint, response_body = \(answer.body),
            attempts = 1, progressed_at = now(), last_error = \(error)
        WHERE id = \(id) AND fence = \(fence) AND recovery_point = \(point) AND direction = 'forward' AND done IS NOT TRUE
        RETURNING 1
        """
    }

    /// Records a rejection that is committed once the calls at hand are settled: the answer is pending, and the request still
    /// goes forward.
    func decide(_ id: UUID, fence: Int, from point: String, answer: StoredAnswer, error: String) -> PostgresQuery {
        """
        UPDATE \(unescaped: keys)
        SET response_status = \(answer.status)::smallint, response_body = \(answer.body), last_error = \(error)
        WHERE id = \(id) AND fence = \(fence) AND recovery_point = \(point) AND direction = 'forward' AND done IS NOT TRUE
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
            branches = '{}', recovery_point = \(SagaDeclaration.finished), attempts = 1, progressed_at = now(), last_error = \(error),
            done = true, finished_at = now(), expires_at = now() + \(retentionSeconds) * interval '1 second',
            lease_until = now(), locked_by = NULL
        WHERE id = \(id) AND fence = \(fence) AND recovery_point = \(point) AND direction = 'forward' AND done IS NOT TRUE
        RETURNING 1
        """
    }

    /// Counts one more attempt, before it is made; never backwards, should a sending arrive late.
    /// - Parameter direction: the one that the step is on, as of `advance`.
    func recordAttempt(
        _ id: UUID, fence: Int, going direction: Direction = .forward, at point: String, attempt: Int, error: String
    ) -> PostgresQuery {
        """
        UPDATE \(unescaped: keys) SET attempts = \(attempt), last_error = \(error)
        WHERE id = \(id) AND fence = \(fence) AND recovery_point = \(point) AND attempts < \(attempt)
            AND direction = \(direction.rawValue) AND done IS NOT TRUE
        RETURNING 1
        """
    }

    /// Gives the lease back, due again after `delay`, or at once when one of `events` has arrived. The next claim counts a
    /// new attempt, so a stop that made none passes one less as `attempts`. Whoever can give it back did not die of it.
    /// - Parameter isInDoubt: whether a call may have happened that the key's next step has made.
    func release(
        _ id: UUID, fence: Int, at point: String, after delay: Duration, attempts: Int, events: [String] = [],
        isInDoubt: Bool, error: String?
    ) -> PostgresQuery {
        """
        UPDATE \(unescaped: keys)
        SET lease_until = now(), locked_by = NULL, deaths = 0,
            run_at = now() + CASE WHEN events ?| \(events) THEN 0 ELSE 1 END * \(Self.seconds(of: delay)) * interval '1 second',
            attempts = \(attempts), last_error = coalesce(\(error)::text, last_error),
            doubtful_point = CASE WHEN \(isInDoubt)::boolean THEN recovery_point END
        WHERE id = \(id) AND fence = \(fence) AND recovery_point = \(point) AND done IS NOT TRUE
        RETURNING 1
        """
    }

    /// Ends the delay of a key that nobody holds.
    func endDelay(_ id: UUID) -> PostgresQuery {
        """
        UPDATE \(unescaped: keys) SET run_at = now()
        WHERE id = \(id) AND done IS NOT TRUE AND parked_reason IS NULL AND lease_until <= now() AND run_at > now()
        """
    }

    /// Puts the key in front of a person. Its fence rises: a commit of the holder's that is still under way, on a connection
    /// that was given up, must not move what a person looks at.
    func park(
        _ id: UUID, fence: Int, at point: String, reason: ParkedReason, isInDoubt: Bool, error: String?
    ) -> PostgresQuery {
        """
        UPDATE \(unescaped: keys)
        SET fence = fence + 1, lease_until = now(), run_at = 'infinity', locked_by = NULL, parked_reason = \(reason.rawValue),
            last_error = coalesce(\(error)::text, last_error),
            doubtful_point = CASE WHEN \(isInDoubt)::boolean THEN recovery_point END
        WHERE id = \(id) AND fence = \(fence) AND recovery_point = \(point) AND done IS NOT TRUE
        RETURNING 1
        """
    }
}
