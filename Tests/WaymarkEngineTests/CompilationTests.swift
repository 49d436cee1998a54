import Foundation
import PostgresPQ
import Testing
import WaymarkTesting

@testable import Waymark
@testable import WaymarkEngine

/// A server with PostgreSQL's own settings, which compiles a plan whose estimate is over `jit_above_cost`: at every execution,
/// and for longer than any statement of the engine takes.
@Suite struct CompilationTests {
    private static let statements = KeyStatements(
        schema: .waymark, holder: "test", lease: .seconds(15), retention: .hours(24))

    /// A statement, and the settings that it has, where it has some.
    private struct Sent {
        let name: String
        var settings: PostgresQuery?
        let query: PostgresQuery
    }

    private static func sent(on client: PostgresClient) throws -> [Sent] {
        let (id, keys) = (UUID(), statements)
        let jobs = JobStatements(jobs: "waymark.jobs", leaseSeconds: 15)
        let operators = OperatorStatements(schema: .waymark)
        let reaper = Reaper(postgres: client)
        let entry = JournalEntry(step: "reserved", output: "{}", attempt: 1, version: 1)
        let step = KeyStatements.Progress(
            id: id, fence: 1, from: "started", to: "reserved", call: nil, entry: entry, answer: nil)
        let accepted: Set = ["a/started"]
        return [
            Sent(name: "observe", settings: KeyStatements.lookupsOnly, query: keys.observe([id, UUID()])),
            Sent(name: "progress", settings: KeyStatements.lookupsOnly, query: keys.progress([step, step])),
            Sent(
                name: "claimDue", settings: KeyStatements.inIndexOrder,
                query: keys.claimDue(limit: 128, accepted: accepted)),
            Sent(name: "finished", settings: KeyStatements.inIndexOrder, query: reaper.finished()),
            Sent(name: "abandoned", settings: KeyStatements.uncompiled, query: reaper.abandoned),
            Sent(
                name: "dyingSagas", settings: KeyStatements.uncompiled, query: keys.dyingSagas(accepted: accepted)),
            Sent(name: "jobs", settings: KeyStatements.uncompiled, query: jobs.claimDue(limit: 64, names: ["a"])),
            Sent(name: "claim", query: keys.claim(id, fence: 1)),
            Sent(name: "renew", query: keys.renew(id, fence: 1)),
            Sent(name: "locate", query: keys.locate(id, .main, step: "reserved")),
            Sent(name: "locate a branch", query: keys.locate(id, .branch("a", group: "g:begun"), step: "reserved")),
            Sent(name: "reread", query: keys.reread(id, fence: 1)),
            Sent(name: "endDelay", query: keys.endDelay(id)),
            Sent(name: "expire", query: keys.expire(id, fence: 1, event: "approved")),
            Sent(
                name: "release",
                query: keys.release(
                    id, fence: 1, at: "started", after: .zero, attempts: 1, isInDoubt: false, error: nil)
            ),
            Sent(
                name: "park",
                query: keys.park(id, fence: 1, at: "started", reason: .attemptsExhausted, isInDoubt: false, error: nil)),
            Sent(name: "see", query: operators.see(id)),
            Sent(name: "trail", query: operators.trail(of: id)),
            Sent(name: "acknowledge", query: jobs.acknowledge(id)),
            Sent(name: "retry", query: jobs.retry(id, fence: 1, after: .zero, error: "")),
            Sent(name: "bury", query: jobs.bury(id, fence: 1, error: "")),
        ]
    }

    /// Makes the planner believe that each table has ten million rows, of which a hundredth is unfinished.
    private static func pretend(_ database: TestDatabase) async throws {
        let requests = try (0..<500).map { n in
            try AcceptedRequest(
                saga: "write-order", version: 1, request: StepValue(value: 1, json: "{}"),
                key: IdempotencyKey("k\(n)"), scope: Scope("t"))
        }
        try await database.client.execute(statements.accept(requests.map { .init(request: $0) }))
        try await database.client.executeScript(
            """
            UPDATE waymark.keys SET done = true, response_body = '{}', response_status = 200, finished_at = now(),
                expires_at = now() WHERE key NOT LIKE 'k1__';
            INSERT INTO waymark.jobs (id, key_id, name, payload, position, run_at)
                SELECT id, id, 'a', '{}', 0, now() FROM waymark.keys;
            ANALYZE waymark.keys, waymark.jobs, waymark.audit;
            UPDATE pg_class SET reltuples = 1e7
            WHERE oid IN (SELECT 'waymark.keys'::regclass UNION SELECT 'waymark.jobs'::regclass UNION SELECT indexrelid FROM pg_index
                WHERE indrelid IN ('waymark.keys'::regclass, 'waymark.jobs'::regclass));
            """)
    }

    @Test func noStatementIsCompiledOnAServerAsItIsInstalled() async throws {
        try await TestDatabase.with { database async throws in
            try await Self.pretend(database)
            let limits = try await database.client.query(
                "SELECT current_setting('jit'), current_setting('jit_above_cost')::float8"
            ).decode((String, Double).self)
            let (jit, limit) = try #require(limits.first)
            try #require(jit == "on", "the server has PostgreSQL's own settings")
            var compiled: [String] = []
            for sent in try Self.sent(on: database.client) {
                let (isOn, cost) = try await database.client.withTransaction { transaction in
                    if let settings = sent.settings { try await transaction.execute(settings) }
                    let isOn = try await transaction.query("SHOW jit").decode(String.self) == ["on"]
                    let plan = try await transaction.query(
                        PostgresQuery(
                            unsafeSQL: "EXPLAIN (FORMAT JSON) \(sent.query.sql)", binds: sent.query.binds)
                    ).decode(String.self).joined()
                    let match = try #require(plan.firstMatch(of: /"Total Cost": ([0-9.]+)/), "\(plan)")
                    return (isOn, try #require(Double(match.1)))
                }
                if isOn, cost > limit { compiled.append("\(sent.name): \(cost)") }
            }
            #expect(compiled == [])
        }
    }

    /// Where phases run: for themselves, and beside others.
    @Test func phasesAreNotCompiled() async throws {
        for settings in [KeyStatements.settings(), .init(unsafeSQL: KeyStatements.lookupsOnly.sql)] {
            #expect(settings.sql.contains("set_config('jit', 'off', true)"))
        }
        let script = CommitScript(
            [CommitUnit(writes: [.query("SELECT 1")])], .together, within: .of(.seconds(1)), Self.statements)
        #expect(script.opening.map(\.sql).contains { $0.contains("set_config('jit', 'off', true)") })
    }
}
