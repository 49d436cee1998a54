import PostgresPQ
import Testing
import WaymarkTesting

@testable import Waymark
@testable import WaymarkEngine

/// Books and pays; a later version has other names for it, and records more.
private struct Order1: Saga {
    static let name = "order"
    let ledger: Ledger

    var body: some Step<Int, String> {
        AtomicPhase("made") { (n: Int, tx: Transaction) in
            try await tx.execute("INSERT INTO effects VALUES (\(tx.key.id), 'made', \("\(n)"))")
            return n
        }
        ForeignCall("paid", .keyed(horizon: .hours(1))) { (n: Int, call: Call) in
            try ledger.call("pay", key: call.idempotencyKey, "\(n)")
            return n
        }
        ForeignCall("told", .keyed(horizon: .hours(1))) { (n: Int, call: Call) in
            try ledger.call("tell", key: call.idempotencyKey, "\(n)")
            return "\(n)"
        }
    }
}

private struct Order2: Saga {
    struct Made: Codable, Sendable {
        let number: Int
    }

    static let name = "order"
    static let version = 2
    static let requestChanges = [RequestChange(in: 2, from: Int.self) { Made(number: $0) }]
    let ledger: Ledger
    let carrier: ForeignService

    var body: some Step<Made, String> {
        AtomicPhase("order_made") { (made: Made, tx: Transaction) in
            try await tx.execute("INSERT INTO effects VALUES (\(tx.key.id), 'made', \("\(made.number)"))")
            return made
        }
        .renamed(from: "made")
        .outputChanged(in: 2, from: Int.self) { Made(number: $0) }
        ForeignCall("order_paid", .keyed(horizon: .hours(1))) { (made: Made, call: Call) in
            try ledger.call("pay", key: call.idempotencyKey, "\(made.number)")
            return made
        }
        .renamed(from: "paid")
        .outputChanged(in: 2, from: Int.self) { Made(number: $0) }
        .through(carrier)
        ForeignCall("customer_told", .keyed(horizon: .hours(1))) { (made: Made, call: Call) in
            try ledger.call("tell", key: call.idempotencyKey, "\(made.number)")
            return "\(made.number)"
        }
        .renamed(from: "told")
        .through(carrier)
    }
}

/// What else a process may be doing when its power fails.
@Suite struct PowerCutTests {
    private static let carrier = ForeignService("carrier", maxConcurrent: 1, perSecond: 1000)

    /// The first version's process stops anywhere, and only the second version's are there to go on.
    @Test func aLaterVersionGoesOnWhereverTheFirstOneStopped() async throws {
        for isSent in [true, false] {
            // A request of two calls sends nine messages at most; behind the last one nothing is cut.
            for boundary in 1...10 {
                try await World.with({ [Order1(ledger: $0)] }) { first async throws in
                    let isCut = try await first.runUntilPowerCut(Order1.self, 7, boundary: boundary, isSent: isSent)
                    #expect(isCut || boundary > 3)
                    let rows = try await first.snapshot()
                    let later = World(
                        database: first.database, ledger: first.ledger,
                        sagas: { [Order2(ledger: $0, carrier: Self.carrier)] }, scope: first.scope)
                    try await later.settle()
                    let accepted = rows.isEmpty ? [] : ["7"]
                    #expect(first.ledger.effects("pay") == accepted, "after boundary \(boundary), sent \(isSent)")
                    #expect(first.ledger.effects("tell") == accepted)
                    #expect(try await first.effects("made") == accepted)
                    let answers = try await first.database.client.query("SELECT response_body FROM waymark.keys")
                        .decode(String.self)
                    #expect(answers == (rows.isEmpty ? [] : [#""7""#]))
                }
            }
        }
    }

    @Test func whatKeepsToLimitsSurvivesToo() async throws {
        let sagas: @Sendable (Ledger) -> [any Saga] = { [Order2(ledger: $0, carrier: Self.carrier)] }
        try await stopEverywhere(Order2.self, Order2.Made(number: 7), sagas: sagas) { outcome, world async throws in
            #expect(outcome.response == "7")
            #expect(world.ledger.effects("pay") == ["7"])
            #expect(world.ledger.effects("tell") == ["7"])
        }
    }

    /// A verb is done and on the audit trail, or neither.
    @Test func anOperatorsVerbIsDoneAndAuditedOrNeither() async throws {
        try await World.with({ [Order1(ledger: $0)] }) { world async throws in
            let registry = try SagaRegistry(world.sagas(world.ledger))
            for isSent in [true, false] {
                var boundary = 1
                var isCut = true
                while isCut {
                    try await world.database.client.execute("TRUNCATE waymark.keys, waymark.audit, effects")
                    world.ledger.fail("pay", with: Rejection(status: 402, type: "broke", title: "Broke."))
                    _ = try await world.run(Order1.self, 7)
                    try await world.database.client.execute(
                        """
                        UPDATE waymark.keys SET done = false, recovery_point = 'made', direction = 'forward',
                            parked_reason = 'attempts_exhausted', run_at = 'infinity', response_status = NULL
                        """)
                    let id = KeyIdentity.rowID(scope: world.scope, key: try IdempotencyKey("k1"))
                    isCut = try await world.untilPowerCut(boundary: boundary, isSent: isSent) { client in
                        let keys = KeyOperator(postgres: client, sagas: registry, actor: "ann")
                        guard let key = try await keys.find(id) else { return }
                        try await keys.resolve(key, as: .happened(output: "7"), reason: "seen on the statement")
                    }
                    let states = try await world.database.client.query(
                        "SELECT recovery_point, (SELECT count(*) FROM waymark.audit) FROM waymark.keys"
                    ).decode((String, Int).self)
                    let (point, trail) = try #require(states.first)
                    #expect(point == (trail == 1 ? "paid" : "made"), "after boundary \(boundary), sent \(isSent)")
                    if !isCut { #expect(trail == 1) }
                    boundary += 1
                }
                #expect(boundary > 3)
            }
        }
    }

    /// The closure runs again until its result is committed, always with the same key, and then never again.
    @Test func onceIsOnceWhereverTheProcessStops() async throws {
        for isSent in [true, false] {
            for boundary in 1...6 {
                try await World.with({ _ in [] }) { world async throws in
                    let welcome: @Sendable (Orchestrator) async throws -> Outcome<String> = { orchestrator in
                        try await orchestrator.once("welcome", key: IdempotencyKey("k1"), scope: world.scope) { call in
                            try world.ledger.call("welcome", key: call.idempotencyKey)
                        }
                    }
                    _ = try await world.untilPowerCut(boundary: boundary, isSent: isSent) { client in
                        _ = try await welcome(world.orchestrator(on: client))
                    }
                    try await world.database.passTime()
                    #expect(try await welcome(world.orchestrator()).response == "welcome-1")
                    #expect(try await welcome(world.orchestrator()).isReplay)
                    #expect(world.ledger.effects("welcome").count == 1)
                }
            }
        }
    }
}
