import Foundation
import PostgresPQ
import Synchronization
import Testing
import WaymarkTesting

@testable import Waymark
@testable import WaymarkEngine

/// One call to a service with limits.
private struct Ask: Saga {
    static let name = "ask"
    let ledger: Ledger
    let service: ForeignService
    var traffic = Traffic(atOnce: nil)
    var rule: CallRule<Int, Int> = .natural

    var body: some Step<Int, Int> {
        ForeignCall("asked", rule) { (n: Int, _: Call) in
            traffic.enter()
            defer { traffic.leave() }
            if let atOnce = traffic.atOnce {
                try await eventually("so many calls at once") { traffic.most >= atOnce }
            }
            try ledger.act("ask", "\(n)")
            return n
        }
        .retry(.fixed(attempts: 3, every: .hours(1)))
        .through(service)
    }
}

/// How many calls are under way, and were at most.
private final class Traffic: Sendable {
    /// How many calls wait for each other at first.
    let atOnce: Int?
    private let counts = Mutex((now: 0, most: 0))

    init(atOnce: Int?) { self.atOnce = atOnce }

    var most: Int { counts.withLock { $0.most } }

    func enter() {
        counts.withLock { counts in
            counts.now += 1
            counts.most = max(counts.most, counts.now)
        }
    }

    func leave() { counts.withLock { $0.now -= 1 } }
}

/// Limits towards foreign services, and towards sagas that kill their holders.
@Suite struct LimitTests {
    private static let down = TransientError("down")

    @Test func noMoreCallsAtOnceThanTheServiceTakes() async throws {
        let traffic = Traffic(atOnce: 2)
        let service = ForeignService("bank", maxConcurrent: 2)
        try await World.with({ [Ask(ledger: $0, service: service, traffic: traffic)] }) { world async throws in
            let orchestrator = try world.orchestrator()
            try await withThrowingTaskGroup(of: Void.self) { group in
                for n in 1...40 {
                    group.addTask {
                        let key = try IdempotencyKey("k\(n)")
                        let outcome = try await orchestrator.run(Ask.self, key: key, scope: world.scope, request: n)
                        #expect(outcome.response == n)
                    }
                }
                try await group.waitForAll()
            }
            #expect(world.ledger.effects("ask").count == 40)
            #expect(traffic.most == 2)
        }
    }

    /// Once the breaker is open no call is made and no attempt is counted, also where the call would be begun first.
    @Test(arguments: [false, true]) func anOpenBreakerBurnsNoAttempts(isAtMostOnce: Bool) async throws {
        let service = ForeignService("bank", breaker: .init(failures: 2, pause: .minutes(10), longestPause: .hours(1)))
        let sagas: @Sendable (Ledger) -> [any Saga] = {
            [Ask(ledger: $0, service: service, rule: isAtMostOnce ? .atMostOnce : .natural)]
        }
        try await World.with(sagas) { world async throws in
            let orchestrator = try world.orchestrator()
            world.ledger.fail("ask", with: Self.down, Self.down)
            for n in 1...3 {
                _ = try await orchestrator.run(
                    Ask.self, key: IdempotencyKey("k\(n)"), scope: world.scope, request: n)
            }
            let rows = try await world.database.client.query(
                """
                SELECT recovery_point, attempts, extract(epoch FROM run_at - now())::float8 > 500
                FROM waymark.keys WHERE key = 'k3'
                """
            ).decode((String, Int, Bool).self)
            #expect(rows.first.map { $0 == ("started", 0, true) } == true, "\(rows)")
            #expect(world.ledger.effects("ask") == [])
        }
    }

    /// Whoever loses its key between the beginning of a call and the call leaves no place behind.
    @Test func aCallThatIsNotMadeKeepsNoPlace() async throws {
        let service = ForeignService("bank", maxConcurrent: 1)
        try await World.with({ [Ask(ledger: $0, service: service, rule: .atMostOnce)] }) { world async throws in
            // The beginning takes longer than the lease, which nobody renews.
            let client = world.database.client
            try await client.execute(
                """
                CREATE FUNCTION linger() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                    PERFORM pg_sleep(0.3);
                    RETURN NEW;
                END $$
                """)
            try await client.execute(
                """
                CREATE TRIGGER linger BEFORE UPDATE ON waymark.keys FOR EACH ROW
                    WHEN (OLD.recovery_point = 'started' AND NEW.recovery_point = 'asked:begun')
                    EXECUTE FUNCTION linger()
                """)
            var configuration = EngineConfiguration()
            configuration.lease = .milliseconds(100)
            let orchestrator = Orchestrator(
                postgres: client, sagas: try SagaRegistry(world.sagas(world.ledger)), configuration: configuration)
            _ = try await orchestrator.run(Ask.self, key: IdempotencyKey("k1"), scope: world.scope, request: 1)
            #expect(world.ledger.effects("ask") == [])
            #expect(orchestrator.engine.registry.gates[service].insideCount == 0)
        }
    }

    /// The lease was lost before the call's beginning was committed: its place at the gate is free again.
    @Test func aCallThatIsNotBegunLeavesItsPlace() async throws {
        let service = ForeignService("bank", maxConcurrent: 1)
        let sagas: @Sendable (Ledger) -> [any Saga] = { [Ask(ledger: $0, service: service, rule: .atMostOnce)] }
        try await World.with(sagas) { world async throws in
            try await world.database.client.executeScript(
                """
                CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
                CREATE TRIGGER refuse BEFORE UPDATE ON waymark.keys FOR EACH ROW
                    WHEN (NEW.recovery_point = 'asked:begun') EXECUTE FUNCTION refuse();
                """)
            let orchestrator = try world.orchestrator()
            _ = try? await orchestrator.run(Ask.self, key: IdempotencyKey("k1"), scope: world.scope, request: 1)
            #expect(orchestrator.engine.registry.gates[service].insideCount == 0)
            #expect(try await world.point() == "started")
            #expect(world.ledger.effects("ask") == [])
        }
    }

    /// A saga whose keys keep killing their holders is taken one key at a time, and the others are not held up.
    @Test func aSagaWhoseKeysKillIsKeptApart() async throws {
        let service = ForeignService("bank")
        struct Kill: Saga {
            static let name = "kill"
            var body: some Step<Int, Int> {
                AtomicPhase("survived") { (n: Int, _: Transaction) in n }
            }
        }
        try await World.with({ [Ask(ledger: $0, service: service), Kill()] }) { world async throws in
            let client = world.database.client
            for n in 1...5 {
                try await Self.accept("kill", n, world)
                try await Self.accept("ask", n, world)
            }
            // Each claim of a key whose holder did not give it back is a death.
            let claim = KeyStatements(schema: .waymark, holder: "doomed", lease: .seconds(15), retention: .hours(1))
            for deaths in 1...4 {
                try await client.execute(
                    "UPDATE waymark.keys SET lease_until = now(), run_at = now() WHERE saga = 'kill'")
                let rows = try await client.query(
                    claim.claimDue(limit: 9, accepted: ["kill/started", "kill/version:1"]))
                #expect(rows.count == 5)
                let counted = try await client.query("SELECT DISTINCT deaths FROM waymark.keys WHERE saga = 'kill'")
                    .decode(Int.self)
                #expect(counted == [deaths - 1])
            }
            try await client.execute("UPDATE waymark.keys SET lease_until = now(), run_at = now()")
            let completionist = Completionist(try world.orchestrator())
            #expect(try await completionist.runOnce().finished == 1, "one of those that kill")
            #expect(try await completionist.runOnce().finished == 5, "all of the others")
            #expect(try await completionist.runOnce().claimed == 0, "and no second one for now")
            #expect(world.ledger.effects("ask").count == 5)
        }
    }

    /// Three keys that killed their holders; no quarantine where one of them is out of the way.
    @Test(arguments: [
        "done = true, response_status = 200, response_body = '{}', expires_at = now()",
        "parked_reason = 'horizon_passed'", "run_at = now() + interval '1 hour'",
        "deaths = \(EngineLimits.deathsToQuarantine - 1)", "steps_version = 2", "recovery_point = 'gone'",
    ])
    func onlyKeysThatAreAboutToKillCount(change: String) async throws {
        try await World.with({ [Ask(ledger: $0, service: ForeignService("bank"))] }) { world async throws in
            let client = world.database.client
            let statements = KeyStatements(
                schema: .waymark, holder: "t", lease: .seconds(15), retention: .hours(1))
            for n in 1...EngineLimits.keysToQuarantine { try await Self.accept("ask", n, world) }
            try await client.execute("UPDATE waymark.keys SET deaths = \(EngineLimits.deathsToQuarantine)")
            let query = statements.dyingSagas(accepted: try SagaRegistry(world.sagas(world.ledger)).accepted)
            #expect(try await client.query(query).decode(String.self) == ["ask"])
            try await client.execute("UPDATE waymark.keys SET \(unescaped: change) WHERE key = 'ask-1'")
            #expect(try await client.query(query).isEmpty)
        }
    }

    /// The more holders died with a key, the longer it waits for the next one.
    @Test(arguments: [false, true]) func aKeyThatKillsIsTakenEverMoreSeldom(byItsClient: Bool) async throws {
        try await World.with({ [Ask(ledger: $0, service: ForeignService("bank"))] }) { world async throws in
            try await Self.accept("ask", 1, world)
            let client = world.database.client
            let statements = KeyStatements(
                schema: .waymark, holder: "doomed", lease: .seconds(15), retention: .hours(1))
            for pause in [0, 0, 1, 3, 7, 15, 31, 63, 127, 127] {
                try await client.execute("UPDATE waymark.keys SET lease_until = now(), run_at = now()")
                let key = try await client.query("SELECT id, fence FROM waymark.keys").decode((UUID, Int).self)
                let (id, fence) = try #require(key.first)
                let claim =
                    byItsClient
                    ? statements.claim(id, fence: fence)
                    : statements.claimDue(limit: 1, accepted: ["ask/started", "ask/version:1"])
                #expect(try await client.query(claim).count == 1)
                let wait: PostgresQuery = "SELECT extract(epoch FROM run_at - lease_until)::int FROM waymark.keys"
                #expect(try await client.query(wait).decode(Int.self) == [pause])
                let held = try await client.query("SELECT fence FROM waymark.keys").decode(Int.self)[0]
                #expect(try await client.query(statements.renew(id, fence: held)).count == 1)
                let renewed = try await client.query(wait).decode(Int.self)
                #expect(renewed.allSatisfy { $0 >= pause }, "a renewal does not shorten it")
            }
        }
    }

    /// A request that nobody holds.
    private static func accept(_ saga: String, _ n: Int, _ world: World) async throws {
        let key = try IdempotencyKey("\(saga)-\(n)")
        let statements = KeyStatements(schema: .waymark, holder: "t", lease: .seconds(15), retention: .hours(1))
        let request = try AcceptedRequest(
            saga: saga, version: 1, request: StepValue(value: 1, json: "\(n)"), key: key, scope: world.scope)
        try await world.database.client.execute(statements.start(request))
    }
}
