import Foundation
import PostgresPQ
import Testing
import WaymarkTesting

@testable import Waymark
@testable import WaymarkEngine

/// Every guard of every write, each on its own: what one lets through another often still refuses, so only the statements
/// themselves show that each is there.
@Suite struct GuardTests {
    /// A statement on the key whose id it is given, which stands at "reserved" with fence 1.
    typealias Write = @Sendable (KeyStatements, UUID) -> PostgresQuery

    static let entry = JournalEntry(step: "charged", output: "{}", attempt: 1, version: 1)
    static let answer = StoredAnswer(status: 402, body: "{}")

    static let finishing: [String: Write] = [
        "finish": { $0.finish($1, fence: 1, from: "reserved", entry: entry, answer: answer) },
        "finish, waking a parent": { statements, id in
            statements.waking(statements.finish(id, fence: 1, from: "reserved", entry: entry, answer: answer))
        },
        "finishRejected": { $0.finishRejected($1, fence: 1, from: "reserved", answer: answer, error: "no") },
    ]
    static let moving: [String: Write] = finishing.merging([
        "advance": { $0.advance($1, fence: 1, .main, from: "reserved", to: "charged", entry: entry) },
        "begin": { $0.begin($1, fence: 1, .main, from: "reserved", to: "charged:begun", attempts: 1) },
        "rest": { $0.rest($1, fence: 1, from: "reserved", to: "asleep", until: .after(.zero)) },
        "rest until": { $0.rest($1, fence: 1, from: "reserved", to: "asleep", until: .at(.now)) },
        "reject": { $0.reject($1, fence: 1, from: "reserved", answer: answer, error: "no") },
    ]) { $1 }
    static let staying: [String: Write] = [
        "recordAttempt": { $0.recordAttempt($1, fence: 1, at: "reserved", attempt: 2, error: "down") },
        "release": {
            $0.release($1, fence: 1, at: "reserved", after: .zero, attempts: 1, isInDoubt: false, error: nil)
        },
        "park": { $0.park($1, fence: 1, at: "reserved", reason: .horizonPassed, isInDoubt: false, error: nil) },
    ]
    static let counting = staying.filter { $0.key == "recordAttempt" }
    static let branchCounting: [String: Write] = [
        "move, counting": { statements, id in
            let line = LineID.branch("0", group: "reserved")
            let state = BranchState(point: "started", attempts: 2)
            return statements.move(
                id, fence: 1, line, from: "started", state, isProgress: false, attemptsBelow: 2, error: "down")
        }
    ]
    static let branching: [String: Write] = [
        "move": { statements, id in
            let line = LineID.branch("0", group: "reserved")
            return statements.move(
                id, fence: 1, line, from: "started", BranchState(point: "sent"), isProgress: true, entry: entry)
        },
        "begin": { statements, id in
            let line = LineID.branch("0", group: "reserved")
            return statements.begin(id, fence: 1, line, from: "started", to: "sent:begun", attempts: 1)
        },
        "advance": { statements, id in
            let line = LineID.branch("0", group: "reserved")
            return statements.advance(id, fence: 1, line, from: "started", to: "sent", entry: entry)
        },
    ]
    static let expiring: [String: Write] = ["expire": { $0.expire($1, fence: 1, event: "approved") }]
    static let renewing: [String: Write] = ["renew": { $0.renew($1, fence: 1) }]
    static let claiming: [String: Write] = ["claim": { $0.claim($1, fence: 1) }]
    static let taking: [String: Write] = [
        "claimDue": { statements, _ in
            statements.claimDue(
                limit: 9, accepted: ["place-order/reserved", "place-order/reserved{}", "place-order/version:1"])
        }
    ]

    private static let otherFence = "fence = fence + 1"
    private static let otherPoint = "recovery_point = 'charged'"
    private static let otherBranchPoint = #"branches = '{"0": {"point": "sent"}}'"#
    private static let isDone = "done = true, response_status = 200, response_body = '{}', expires_at = now()"
    private static let leased = "lease_until = now() + interval '1 hour'"
    private static let waiting = "run_at = now() + interval '1 hour'"
    private static let isTurned = "direction = 'compensating'"
    private static let counted = "attempts = 2"
    private static let branchCounted = #"branches = '{"0": {"point": "started", "attempts": 2}}'"#
    private static let givenBack = "locked_by = NULL"
    private static let parked = "parked_reason = 'horizon_passed'"

    @Test(arguments: [
        (moving, [otherFence, otherPoint, isTurned, isDone]), (staying, [otherFence, otherPoint, isDone]),
        (counting, [counted, isTurned]), (branchCounting, [branchCounted]),
        (branching, [otherFence, otherPoint, otherBranchPoint, isDone]),
        (expiring, [otherFence, isDone]),
        (renewing, [otherFence, isDone, parked, givenBack]),
        (claiming, [otherFence, isDone, leased, waiting, parked]),
        (taking, [otherPoint, isDone, leased, waiting, parked, "saga_version = 2", "steps_version = 2"]),
    ])
    func eachRefusesByItself(writes: [String: Write], changes: [String]) async throws {
        try await Self.withReservedKey { harness async throws in
            for (name, write) in writes {
                #expect(try await Self.rows(of: write, in: harness) == 1, "\(name)")
                for change in changes {
                    #expect(try await Self.rows(of: write, after: change, in: harness) == 0, "\(name), \(change)")
                }
            }
        }
    }

    /// What a key's own line commits, and what a branch does.
    @Test(arguments: ["advance", "advance a branch"])
    func aCommitForgetsDeathsAndRemembersItsVersion(name: String) async throws {
        try await Self.withReservedKey { harness async throws in
            let (client, id) = (harness.database.client, try harness.id("k1"))
            try await client.execute("UPDATE waymark.keys SET deaths = 5")
            let entry = JournalEntry(step: "charged", output: "{}", attempt: 1, version: 2)
            let (line, from) =
                name == "advance" ? (LineID.main, "reserved") : (.branch("0", group: "reserved"), "started")
            let update = harness.statements.advance(id, fence: 1, line, from: from, to: "charged", entry: entry)
            #expect(try await client.query(update).count == 1)
            #expect(try await harness.row("k1", "deaths, steps_version", as: (Int, Int).self) == (0, 2))
        }
    }

    /// `Orchestrator.once` frees a key that it gave back; not one that is somebody else's by now.
    @Test(arguments: [isDone, parked, leased]) func onlyAKeyInABackoffIsFreed(change: String) async throws {
        try await Self.withReservedKey { harness async throws in
            let (client, id) = (harness.database.client, try harness.id("k1"))
            try await client.execute("UPDATE waymark.keys SET \(unescaped: Self.waiting), \(unescaped: change)")
            #expect(try await client.execute(harness.statements.endDelay(id)) == 0)
        }
    }

    @Test(arguments: [claiming, taking]) func aClaimCountsItsFenceAndItsAttempt(writes: [String: Write]) async throws {
        try await Self.withReservedKey { harness async throws in
            for write in writes.values {
                try await harness.database.client.execute(write(harness.statements, harness.id("k1")))
                let (fence, attempts) = try await harness.row("k1", "fence % 1000, attempts", as: (Int, Int).self)
                #expect(fence == 2)
                #expect(attempts == 2)
            }
        }
    }

    @Test(arguments: finishing.keys.sorted()) func keepsAnAnswerFromItsFinishOn(name: String) async throws {
        try await Self.withReservedKey { harness async throws in
            let write = try #require(Self.finishing[name])
            try await harness.database.client.execute("UPDATE waymark.keys SET created_at = now() - interval '1 year'")
            try await harness.database.client.execute(write(harness.statements, harness.id("k1")))
            let (kept) = try await harness.row("k1", "expires_at - finished_at = '24 hours'", as: (Bool).self)
            #expect(kept)
        }
    }

    @Test func aDrainThatLostAJobLeavesItAlone() async throws {
        try await Harness.with { harness async throws in
            _ = try await harness.order("k1")
            let statements = JobStatements(jobs: "waymark.jobs", leaseSeconds: 30)
            let client = harness.database.client
            let claimed = try await client.query(statements.claimDue(limit: 9, names: ["ship-it"])).map(ClaimedJob.init)
            #expect(claimed.map(\.fence) == [1])
            let job = try #require(claimed.first).delivery.id
            for fence in [0, 1] {
                for write in [
                    statements.retry(job, fence: fence, after: .zero, error: "down"),
                    statements.giveBack(job, fence: fence, attempt: 1),
                    statements.bury(job, fence: fence, error: "down"),
                ] {
                    #expect(try await client.execute(write) == fence, "\(write)")
                }
            }
        }
    }

    /// Its lease is renewed up to its timeout, and then left to lapse.
    @Test func aHungCallDoesNotKeepItsKey() throws {
        let (lease, start) = (Duration.seconds(15), ContinuousClock.now)
        let hold = Hold(id: UUID(), saga: "place-order", fingerprint: nil)
        #expect(hold.due(at: start + lease, lease: lease) == .nothing, "there is no lease before the row")
        hold.confirm(fence: 1, at: start)
        hold.beginStep(timeout: .seconds(60), line: "")
        #expect(hold.due(at: start + .seconds(4), lease: lease) == .nothing)
        #expect(hold.due(at: start + .seconds(5), lease: lease) == .renew(fence: 1))
        #expect(hold.due(at: start + lease, lease: lease) == .lose)
        hold.confirm(fence: 1, at: start + .seconds(65))
        #expect(hold.due(at: start + .seconds(75), lease: lease) == .nothing)
        #expect(hold.due(at: start + .seconds(80), lease: lease) == .lose)
    }

    /// A key that was released behind its first step, and is due again.
    private static func withReservedKey(_ body: @escaping @Sendable (Harness) async throws -> Void) async throws {
        try await Harness.with { harness async throws in
            harness.script.fail("charged", with: TransientError("busy", retryAfter: .seconds(300)))
            _ = try await harness.order("k1")
            try await harness.lapse()
            try await harness.database.client.execute(
                """
                UPDATE waymark.keys SET fence = 1, locked_by = 'test', branches = '{"0": {"point": "started"}}'
                """)
            try await body(harness)
        }
    }

    private struct RolledBack: Error {
        let rows: Int
    }

    /// How many rows `write` gives after `change`, none where it fails for want of one; both are rolled back.
    private static func rows(of write: Write, after change: String? = nil, in harness: Harness) async throws -> Int {
        let query = write(harness.statements, try harness.id("k1"))
        let rolledBack = try await #require(throws: RolledBack.self) {
            try await harness.database.client.withTransaction { tx in
                if let change { _ = try await tx.query("UPDATE waymark.keys SET \(unescaped: change)") }
                do {
                    throw RolledBack(rows: try await tx.query(query).count)
                } catch let error as PostgresError where error.sqlState == .divisionByZero {
                    throw RolledBack(rows: 0)
                }
            }
        }
        return rolledBack.rows
    }
}

extension Harness {
    fileprivate var statements: KeyStatements {
        KeyStatements(schema: .waymark, holder: "test", lease: .seconds(15), retention: .hours(24))
    }

    fileprivate func id(_ key: String) throws -> UUID {
        KeyIdentity.rowID(scope: scope, key: try IdempotencyKey(key))
    }
}
