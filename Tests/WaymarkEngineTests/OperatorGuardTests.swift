import Foundation
import PostgresPQ
import Testing
import Waymark
import WaymarkTesting

@testable import WaymarkEngine

/// What keeps two operators, and an operator and a holder, apart.
@Suite struct OperatorGuardTests {
    typealias Verb = @Sendable (KeyOperator, SeenKey) async throws -> AuditEntry

    /// The verbs that act on a payout parked behind its call.
    static let verbs: [String: Verb] = [
        "retry": { try await $0.retry($1, reason: "r") },
        "reject": { try await $0.reject($1, with: Rejection(status: 409, type: "t", title: "t"), reason: "r") },
        "compensate": { try await $0.compensate($1, reason: "r") },
    ]
    static let resolutions: [String: Verb] = [
        "happened": { keys, seen in
            let output = #"{"charge":"c","reservation":{"id":"\#(UUID().uuidString)","item":"book"}}"#
            return try await keys.resolve(seen, as: .happened(output: output), reason: "r")
        },
        "did not happen": { try await $0.resolve($1, as: .didNotHappen, reason: "r") },
    ]
    static let evict: Verb = { try await $0.evict($1, reason: "r") }
    static let release: Verb = { try await $0.release($1, reason: "r") }

    /// Every verb with a key that it is for.
    static func each(_ desk: Desk, _ body: (String, SeenKey, Verb) async throws -> Void) async throws {
        for (name, verb) in verbs { try await body(name, desk.exhaustedPayout(name), verb) }
        for (name, verb) in resolutions { try await body(name, desk.parkedPayout(name), verb) }
        _ = try await desk.payout("evict")
        try await body("evict", desk.seen("evict"), evict)
        let seen = try await desk.exhaustedPayout("release")
        try await desk.database.client.execute(
            """
            UPDATE waymark.keys SET parked_reason = NULL, locked_by = 'somebody', run_at = now() + interval '1 hour',
                lease_until = now() + interval '1 hour' WHERE id = \(seen.id)
            """)
        try await body("release", desk.seen("release"), release)
    }

    @Test func refusesAKeyThatMovedSinceItWasSeen() async throws {
        try await Desk.with { desk async throws in
            try await Self.each(desk) { name, seen, verb in
                let changes = [
                    "fence = fence + 1", "recovery_point = 'started'", "incarnation = gen_random_uuid()",
                    "direction = CASE direction WHEN 'forward' THEN 'compensating' ELSE 'forward' END",
                    "parked_reason = 'unreadable_state'",
                    "done = NOT done, response_status = 200, response_body = '', expires_at = now()",
                ]
                for change in changes {
                    try await Self.whileChanged(seen, change, desk) {
                        try await desk.refuses(.moved, "\(name), \(change)") { try await verb(desk.keys, seen) }
                    }
                }
                _ = try await verb(desk.keys, seen)
                try await desk.refuses(.moved, "\(name) twice") { try await verb(desk.keys(by: "bert"), seen) }
            }
        }
    }

    @Test func ofTwoAtOnceOneActs() async throws {
        try await Desk.with { desk async throws in
            let seen = try await desk.exhaustedPayout()
            let acts = await withTaskGroup(of: Bool.self) { group in
                for _ in 0..<4 { group.addTask { (try? await desk.keys.retry(seen, reason: "r")) != nil } }
                return await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
            }
            #expect(acts == 1)
            #expect(try await desk.audit().count == 1)
        }
    }

    @Test func doesNothingThatIsNotOnRecord() async throws {
        try await Desk.with { desk async throws in
            try await Self.each(desk) { name, seen, verb in
                try await desk.database.client.executeScript(
                    "ALTER TABLE waymark.audit ADD CONSTRAINT full_up CHECK (actor = 'nobody') NOT VALID")
                let before = try await desk.snapshot()
                await #expect(throws: PostgresError.self, "\(name)") { try await verb(desk.keys, seen) }
                #expect(try await desk.snapshot() == before, "\(name)")
                try await desk.database.client.executeScript("ALTER TABLE waymark.audit DROP CONSTRAINT full_up")
                let entry = try await verb(desk.keys, seen)
                #expect(entry.before.fence == seen.fence, "\(name)")
                #expect(entry.before.point == seen.recoveryPoint, "\(name)")
                #expect((entry.after == nil) == (name == "evict"), "\(name)")
                #expect(entry.after.map { $0.fence == seen.fence + 1 && $0.attempts == 0 } ?? true, "\(name)")
                #expect(try await desk.audit(name) == [entry])
            }
        }
    }

    /// Who held the key, or thinks so, with the fence that the verb found.
    @Test func aZombieCommitsNothing() async throws {
        try await Desk.with { desk async throws in
            let statements = KeyStatements(
                schema: .waymark, holder: "zombie", lease: .seconds(15), retention: .hours(24))
            let entry = JournalEntry(step: "x", output: "{}", attempt: 1, version: 1)
            let answer = StoredAnswer(status: 402, body: "{}")
            try await Self.each(desk) { name, seen, verb in
                _ = try await verb(desk.keys, seen)
                let before = try await desk.snapshot()
                let points = try await Set([seen.recoveryPoint, "booked", desk.keys.find(seen.id)?.recoveryPoint ?? ""])
                for point in points {
                    let (id, fence) = (seen.id, seen.fence)
                    let writes = [
                        statements.advance(id, fence: fence, .main, from: point, to: "x", entry: entry),
                        statements.finish(id, fence: fence, from: point, entry: entry, answer: answer),
                        statements.begin(id, fence: fence, .main, from: point, to: "x:begun", attempts: 1),
                        statements.reject(id, fence: fence, from: point, answer: answer, error: ""),
                        statements.release(
                            id, fence: fence, at: point, after: .zero, attempts: 1, isInDoubt: true, error: nil),
                        statements.park(
                            id, fence: fence, at: point, reason: .horizonPassed, isInDoubt: true, error: nil),
                        statements.renew(id, fence: fence), statements.claim(id, fence: fence),
                    ]
                    for write in writes {
                        #expect(try await desk.database.client.query(write).isEmpty, "\(name): \(write.sql)")
                    }
                }
                #expect(try await desk.snapshot() == before)
            }
        }
    }

    private static func whileChanged(
        _ key: SeenKey, _ change: String, _ desk: Desk, _ body: () async throws -> Void
    ) async throws {
        let client = desk.database.client
        try await client.executeScript("DROP TABLE IF EXISTS kept; CREATE TABLE kept AS SELECT * FROM waymark.keys")
        try await client.execute("UPDATE waymark.keys SET \(unescaped: change) WHERE id = \(key.id)")
        try await body()
        try await client.executeScript("DELETE FROM waymark.keys; INSERT INTO waymark.keys SELECT * FROM kept")
    }
}
