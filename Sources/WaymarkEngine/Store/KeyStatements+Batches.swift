import Foundation
import PostgresPQ
import Waymark

/// Statements that are about many keys at once, one row each. What PostgreSQL does for a statement rather than for a row
/// (opening indexes, reading constraints, planning) is done once for all of them.
extension KeyStatements {
    /// A key to be inserted.
    struct Acceptance: Sendable {
        let request: AcceptedRequest
        /// What its first step came to, where that commits with it: then the key is inserted as it is after the step.
        var first: FirstStep?
    }

    struct FirstStep: Sendable {
        /// The recovery point after it.
        let point: String
        let entry: JournalEntry
        /// Where it is the last step too.
        let answer: StoredAnswer?
    }

    /// Inserts new keys, held by us. Fails with 23505 where one exists, after waiting for whoever is inserting it right now.
    ///
    /// In the order of their ids, so that two processes with keys in common do not wait for each other.
    func accept(_ acceptances: [Acceptance]) -> PostgresQuery {
        let keys = acceptances.sorted { $0.request.context.id < $1.request.context.id }
        return """
            INSERT INTO \(unescaped: self.keys) (id, scope, key, incarnation, saga, saga_version, request, fingerprint,
                fingerprint_version, recovery_point, journal, steps_version, fence, locked_by, locked_at,
                lease_until, run_at, response_status, response_body, done, finished_at, expires_at)
            SELECT a.id, a.scope, a.key, a.incarnation, a.saga, a.saga_version, a.request, a.fingerprint,
                \(Fingerprint.version)::smallint, a.point, CASE WHEN a.entry IS NULL THEN '[]'
                    ELSE jsonb_build_array(a.entry || jsonb_build_object('at', now())) END, a.steps_version, a.fence, CASE WHEN a.body IS NULL THEN \(holder)::text END, now(),
                now() + CASE WHEN a.body IS NULL THEN \(leaseSeconds)::float8 ELSE 0 END * interval '1 second',
                now() + \(leaseSeconds)::float8 * interval '1 second', a.status, a.body, a.body IS NOT NULL,
                CASE WHEN a.body IS NOT NULL THEN now() END,
                CASE WHEN a.body IS NOT NULL THEN now() + \(retentionSeconds)::float8 * interval '1 second' END
            FROM \(table: keys, by: holder)
                AS a (id, scope, key, incarnation, saga, saga_version, fingerprint, point, steps_version, fence, status,
                    body, request, entry)
            """
    }

    /// A step of a key that is committed on the way forward; with an answer, its last.
    struct Progress: Sendable {
        let id: UUID
        let fence: Int
        let from: String
        let to: String
        /// What the foreign call before it left, where that commits with it.
        let call: JournalEntry?
        let entry: JournalEntry
        let answer: StoredAnswer?
    }

    /// What `advance` and `finish` do, for many keys. Gives a row for each that finds its own.
    ///
    /// A join to a list of values is planned while the table is empty, and then reads all that has come since. BETWEEN is
    /// nothing that rows can be hashed or merged by, and no index but the primary key serves it; so with `lookupsOnly`
    /// there is one plan, whatever the planner believes of the table.
    ///
    /// In the order of their ids, as whoever took such keys over.
    func progress(_ all: [Progress]) -> PostgresQuery {
        let all = all.sorted { $0.id < $1.id }
        return """
            UPDATE \(unescaped: keys) AS k
            SET recovery_point = p.point, attempts = 1, progressed_at = now(), last_error = NULL, branches = '{}',
                deaths = CASE WHEN p.body IS NULL THEN 0 ELSE k.deaths END,
                steps_version = CASE WHEN p.body IS NULL THEN greatest(k.steps_version, p.version) ELSE k.steps_version END,
                journal = k.journal || CASE WHEN p.call IS NULL THEN '[]'
                    ELSE jsonb_build_array(p.call || jsonb_build_object('at', now())) END
                    || (p.entry || jsonb_build_object('at', now())),
                response_status = coalesce(p.status, k.response_status),
                response_body = coalesce(p.body, k.response_body), done = p.body IS NOT NULL,
                finished_at = CASE WHEN p.body IS NOT NULL THEN now() END,
                expires_at = CASE WHEN p.body IS NOT NULL
                    THEN now() + \(retentionSeconds)::float8 * interval '1 second' END,
                lease_until = CASE WHEN p.body IS NOT NULL THEN now() ELSE k.lease_until END,
                locked_by = CASE WHEN p.body IS NULL THEN k.locked_by END
            FROM unnest(\(all.map(\.id)), \(all.map(\.fence)), \(all.map(\.from)), \(all.map(\.to)),
                \(all.map { json(of: $0.call) }), \(all.map { json(of: $0.entry) }), \(all.map(\.entry.version)),
                \(all.map(\.answer?.status)), \(all.map(\.answer?.body))
            ) AS p (id, fence, origin, point, call, entry, version, status, body)
            WHERE k.id BETWEEN p.id AND p.id AND k.fence = p.fence AND k.recovery_point = p.origin
                AND k.direction = 'forward' AND k.done IS NOT TRUE
            RETURNING 1
            """
    }

    /// The guarded update by itself.
    func query(_ write: GuardedWrite) -> PostgresQuery {
        switch write {
        case .update(let query): query
        case .progress(let step):
            if let answer = step.answer {
                orFail(
                    finish(
                        step.id, fence: step.fence, from: step.from, after: step.call, entry: step.entry,
                        answer: answer))
            } else {
                orFail(
                    advance(
                        step.id, fence: step.fence, .main, from: step.from, to: step.to, after: step.call,
                        entry: step.entry))
            }
        }
    }

    /// Makes a statement fail, and with it its transaction, unless it is about so many rows.
    func orFail(_ statement: PostgresQuery, unlessRows count: Int) -> PostgresQuery {
        var binds = statement.binds
        binds.append(count)
        return PostgresQuery(
            unsafeSQL: "WITH done AS (\(statement.sql)) SELECT 1/(count(*) = $\(binds.count))::int FROM done",
            binds: binds)
    }

    /// A job on its way into the table.
    struct Staging: Sendable {
        let job: StagedJob
        let id: UUID
        let keyID: UUID
        /// In the phase that staged it.
        let position: Int
    }

    /// Inserts jobs that phases staged.
    func stage(_ stagings: [Staging]) -> PostgresQuery {
        """
        INSERT INTO \(unescaped: jobs) (id, key_id, name, lane, payload, position, due_at, run_at)
        SELECT j.id, j.key_id, j.name, j.lane, j.payload, j.position, now() + j.delay * interval '1 second',
            now() + j.delay * interval '1 second'
        FROM \(table: stagings) AS j (id, key_id, name, lane, position, delay, payload)
        """
    }

    private func json(of entry: JournalEntry?) -> PostgresJSONText? {
        entry.map { PostgresJSONText($0.json(by: holder)) }
    }
}

/// Rows as a table: several as arrays, which have one text however many they are; a single one as VALUES, which take the
/// server half as long.
extension PostgresQuery.StringInterpolation {
    fileprivate mutating func appendInterpolation(table keys: [KeyStatements.Acceptance], by holder: String) {
        func entry(_ key: KeyStatements.Acceptance) -> PostgresJSONText? {
            (key.first?.entry.json(by: holder)).map(PostgresJSONText.init)
        }
        if keys.count == 1, let key = keys.first {
            let (request, first) = (key.request, key.first)
            appendLiteral("(VALUES (")
            appendList(
                request.context.id, request.context.scope.description, request.context.key.description,
                request.context.incarnation, request.context.saga, request.sagaVersion, request.fingerprint.bytes,
                first?.point ?? SagaDeclaration.started, first?.entry.version ?? 1, request.context.firstFence,
                first?.answer?.status, first?.answer?.body, PostgresJSONText(request.json))
            appendLiteral("::jsonb, ")
            appendInterpolation(entry(key))
            return appendLiteral("::jsonb))")
        }
        let (requests, contexts) = (keys.map(\.request), keys.map(\.request.context))
        appendLiteral("unnest(")
        appendList(
            contexts.map(\.id), contexts.map(\.scope.description), contexts.map(\.key.description),
            contexts.map(\.incarnation), contexts.map(\.saga), requests.map(\.sagaVersion),
            requests.map(\.fingerprint.bytes), keys.map { $0.first?.point ?? SagaDeclaration.started },
            keys.map { $0.first?.entry.version ?? 1 }, contexts.map(\.firstFence),
            keys.map { $0.first?.answer?.status },
            keys.map { $0.first?.answer?.body }, requests.map { PostgresJSONText($0.json) }, keys.map(entry))
        appendLiteral(")")
    }

    fileprivate mutating func appendInterpolation(table stagings: [KeyStatements.Staging]) {
        if stagings.count == 1, let staging = stagings.first {
            appendLiteral("(VALUES (")
            appendList(
                staging.id, staging.keyID, staging.job.name, staging.job.lane, Int16(staging.position),
                staging.job.delay.inSeconds, PostgresJSONText(staging.job.payload))
            return appendLiteral("::jsonb))")
        }
        appendLiteral("unnest(")
        appendList(
            stagings.map(\.id), stagings.map(\.keyID), stagings.map(\.job.name), stagings.map(\.job.lane),
            stagings.map { Int16($0.position) }, stagings.map(\.job.delay.inSeconds),
            stagings.map { PostgresJSONText($0.job.payload) })
        appendLiteral(")")
    }

    private mutating func appendList<each Value: PostgresEncodable>(_ values: repeat (each Value)?) {
        var isFirst = true
        for value in repeat each values {
            if !isFirst { appendLiteral(", ") }
            isFirst = false
            appendInterpolation(value)
        }
    }
}
