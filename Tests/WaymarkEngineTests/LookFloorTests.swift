import Foundation
import PostgresPQ
import Testing
import WaymarkTesting

@testable import Waymark
@testable import WaymarkEngine

/// Looking begins where it ended, and now and then at the beginning.
@Suite struct LookFloorTests {
    private let start = ContinuousClock.now
    private static let longest = Duration.seconds(LookFloor.pauses.upperBound)

    @Test func aLookBeginsWhereTheOneBeforeEnded() {
        var floor = LookFloor()
        #expect(floor.start(at: start) == nil, "the first is at everything")
        floor.looked(from: nil, to: 100, taking: .zero, at: start)
        #expect(floor.start(at: start) == 100)
        floor.looked(from: 100, to: 200, taking: .zero, at: start)
        #expect(floor.start(at: start) == 200)
        floor.looked(from: 200, to: nil, taking: .zero, at: start)
        #expect(floor.start(at: start) == 200, "one that does not tell changes nothing")
    }

    @Test func everythingIsLookedAtNowAndThen() {
        var floor = LookFloor()
        floor.looked(from: nil, to: 100, taking: .zero, at: start)
        #expect(floor.start(at: start + .seconds(LookFloor.pauses.lowerBound - 1)) == 100)
        floor.looked(from: 100, to: 200, taking: .zero, at: start + .seconds(LookFloor.pauses.lowerBound - 1))
        #expect(floor.start(at: start + Self.longest) == nil, "however much was looked at in between")
        floor.looked(from: nil, to: 300, taking: .seconds(60), at: start + Self.longest)
        #expect(floor.start(at: start + Self.longest + .seconds(60 * LookFloor.share - 1)) == 300, "dear ones seldom")
    }

    /// What was committed long after it was stamped is found late, and what becomes due at once.
    @Test func aKeyThatIsDueBehindTheFloorIsFoundLater() async throws {
        try await World.with({ [Ask(ledger: $0)] }) { world async throws in
            let completionist = try Self.completionist(in: world)
            #expect(try await completionist.runOnce().claimed == 0)
            try await Self.accept("ask", ["late"], due: "now() - interval '1 hour'", in: world)
            try await Self.accept("ask", ["plain"], due: "now()", in: world)
            // Stamped before the look, and committed after it.
            try await Self.accept("ask", ["belated"], due: "now() - interval '2 seconds'", in: world)
            #expect(try await completionist.runOnce().finished == 2)
            #expect(try await Self.unfinished(in: world) == ["late"])
            try await world.database.clock.advance(by: Self.longest)
            #expect(try await completionist.runOnce().finished == 1)
            #expect(try await Self.unfinished(in: world) == [])
        }
    }

    /// A full batch tells nothing of what became due after the last of it.
    @Test func whatABatchLeftOverIsTakenNext() async throws {
        try await World.with({ [Ask(ledger: $0)] }) { world async throws in
            let completionist = try Self.completionist(in: world, concurrency: 2)
            for hours in 1...3 {
                let keys = ["a\(hours)", "b\(hours)"]
                try await Self.accept("ask", keys, due: "now() - interval '\(hours) hours'", in: world)
            }
            for left in [["a1", "a2", "b1", "b2"], ["a1", "b1"], []] {
                #expect(try await completionist.runOnce().finished == 2)
                #expect(try await Self.unfinished(in: world) == left)
            }
        }
    }

    /// What was in quarantine was left alone, wherever the floor has got to.
    @Test func whatLeavesQuarantineIsFoundAtOnce() async throws {
        try await World.with({ [Ask(ledger: $0), Kill()] }) { world async throws in
            let client = world.database.client
            let completionist = try Self.completionist(in: world)
            let keys = (0...EngineLimits.keysToQuarantine).map { "k\($0)" }
            try await Self.accept("kill", keys, due: "now() - interval '1 hour'", in: world)
            try await client.execute("UPDATE waymark.keys SET deaths = \(EngineLimits.deathsToQuarantine)")
            #expect(try await completionist.runOnce().claimed == 1, "one of those that kill")
            #expect(try await completionist.runOnce().claimed == 0)
            try await client.execute("UPDATE waymark.keys SET deaths = 0")
            try await world.database.clock.advance(by: EngineLimits.quarantineLook)
            #expect(try await completionist.runOnce().finished == EngineLimits.keysToQuarantine)
        }
    }

    @Test func aKeyThatExpiredBehindTheFloorIsReapedLater() async throws {
        try await World.with({ [Ask(ledger: $0)] }) { world async throws in
            let client = world.database.client
            var configuration = Reaper.Configuration()
            configuration.clock = world.database.clock.engine
            let reaper = Reaper(postgres: client, configuration: configuration)
            for (key, age, reaped) in [("k1", 0, 1), ("k2", 3600, 0), ("k3", 0, 1)] {
                _ = try await world.run(Ask.self, 1, key: key)
                try await client.execute(
                    "UPDATE waymark.keys SET expires_at = now() - \(age) * interval '1 second' WHERE key = \(key)")
                #expect(try await reaper.runOnce() == reaped, "\(key)")
            }
            try await world.database.clock.advance(by: Self.longest)
            #expect(try await reaper.runOnce() == 1)
        }
    }

    private static func completionist(in world: World, concurrency: Int = 9) throws -> Completionist {
        var engine = EngineConfiguration()
        engine.clock = world.database.clock.engine
        let sagas = try SagaRegistry(world.sagas(world.ledger))
        var configuration = Completionist.Configuration()
        configuration.concurrency = concurrency
        return Completionist(
            Orchestrator(postgres: world.database.client, sagas: sagas, configuration: engine),
            configuration: configuration)
    }

    /// Requests that nobody holds.
    private static func accept(_ saga: String, _ keys: [String], due: String, in world: World) async throws {
        let statements = KeyStatements(schema: .waymark, holder: "t", lease: .seconds(15), retention: .hours(1))
        for key in keys {
            let request = try AcceptedRequest(
                saga: saga, version: 1, request: StepValue(value: 1, json: "1"), key: IdempotencyKey(key),
                scope: world.scope)
            try await world.database.client.execute(statements.start(request))
            try await world.database.client.execute(
                "UPDATE waymark.keys SET run_at = \(unescaped: due) WHERE key = \(key)")
        }
    }

    private static func unfinished(in world: World) async throws -> [String] {
        try await world.database.client.query("SELECT key FROM waymark.keys WHERE NOT done ORDER BY key")
            .decode(String.self)
    }
}

private struct Ask: Saga {
    static let name = "ask"
    let ledger: Ledger

    var body: some Step<Int, Int> {
        ForeignCall("asked", .natural) { (n: Int, call: Call) in
            try ledger.act("ask", "\(call.idempotencyKey)")
            return n
        }
    }
}

private struct Kill: Saga {
    static let name = "kill"

    var body: some Step<Int, Int> {
        AtomicPhase("survived") { (n: Int, _: Transaction) in n }
    }
}
