import PostgresPQ
import Testing
import WaymarkTesting

@testable import Waymark
@testable import WaymarkEngine

private struct Hopeless: Error {}

/// Asks for a rate, and goes on without where there is none; then pays, and gives up when that does not work out.
private struct Convert: Saga {
    static let name = "convert"
    let ledger: Ledger

    var body: some Step<Int, Int> {
        ForeignCall("rate_asked", .natural, askRate)
            .retry(.fixed(attempts: 2, every: .zero), if: { !($0 is Hopeless) })
            .orElse { amount in -amount }
        ForeignCall("bonus_paid", .keyed(horizon: .hours(1)), payBonus)
            .when { $0 > 0 }
            .compensate(takeBonus)
        ForeignCall("paid", .keyed(horizon: .hours(1), reconcile: findPayment), pay)
            .retry(.fixed(attempts: 2, every: .zero))
            .rejectWhenExhausted(status: 503, type: "payments_down", title: "Payments are down.")
        AtomicPhase("booked", book)
    }

    func askRate(_ amount: Int, _ call: Call) async throws -> Int {
        try ledger.act("rate", call.idempotencyKey)
        return amount * 2
    }

    func payBonus(_ amount: Int, _ call: Call) async throws -> Int {
        try ledger.call("bonus", key: call.idempotencyKey)
        return amount
    }

    func takeBonus(_ amount: Int, _ call: Call) async throws {
        try ledger.call("bonus taken", key: call.idempotencyKey)
    }

    func pay(_ amount: Int, _ call: Call) async throws -> Int {
        try ledger.act("pay", "\(amount)")
        return amount
    }

    func findPayment(_ amount: Int, _ call: Call) async throws -> Reconciliation<Int> {
        try ledger.look("pay", "\(amount)") ? .happened(amount) : .didNotHappen
    }

    func book(_ amount: Int, _ tx: Transaction) async throws -> Int {
        try await tx.execute("INSERT INTO effects VALUES (\(tx.key.id), 'booked', \("\(amount)"))")
        return amount
    }
}

/// What becomes of a step whose retry policy is used up.
@Suite struct PolicyTests {
    private static let down = TransientError("down")
    private static let sagas: @Sendable (Ledger) -> [any Saga] = { [Convert(ledger: $0)] }

    @Test func goesOnWithTheSubstituteWhereverTheProcessStops() async throws {
        try await stopEverywhere(
            Convert.self, 4, sagas: Self.sagas,
            prepare: { $0.fail("rate", with: Hopeless(), Hopeless(), Hopeless(), Hopeless()) }
        ) { outcome, world async throws in
            #expect(outcome.response == -4)
            #expect(
                try await world.journal() == ["rate_asked degraded", "bonus_paid skipped", "paid", "booked"])
            #expect(world.ledger.effects("bonus") == [])
            #expect(try await world.effects("booked") == ["-4"])
        }
    }

    @Test func rejectsWhereverTheProcessStops() async throws {
        try await stopEverywhere(
            Convert.self, 4, sagas: Self.sagas,
            prepare: { $0.fail("pay", with: Self.down, Self.down, Self.down, Self.down, Self.down, Self.down) }
        ) { outcome, world async throws in
            #expect(outcome.rejection?.status == 503)
            #expect(world.ledger.effects("bonus").count == 1)
            #expect(world.ledger.effects("bonus taken").count == 1)
            #expect(try await world.effects("booked") == [])
        }
    }

    /// Whether a call that failed for the last time had happened after all, the foreign system is asked before giving up.
    @Test func asksBeforeItGivesUp() async throws {
        try await World.with(Self.sagas) { world async throws in
            world.ledger.fail("pay", with: Self.down)
            world.ledger.fail("pay, afterwards", with: Self.down)
            #expect(try await world.run(Convert.self, 4).response == 8)
            #expect(try await world.journal() == ["rate_asked", "bonus_paid", "paid reconciled", "booked"])
            #expect(world.ledger.effects("pay").count == 1)
        }
    }

    @Test func neitherSkippedNorDegradedStepsAreUndone() async throws {
        struct Reserve: Saga {
            static let name = "reserve"
            let ledger: Ledger

            var body: some Step<Int, Int> {
                ForeignCall("reserved", .natural) { (n: Int, _: Call) in
                    try ledger.act("reserve", "\(n)")
                    return n
                }
                .retry(.none)
                .orElse(0)
                .compensate { (n: Int, _: Transaction) in try ledger.act("reserve undone", "\(n)") }
                AtomicPhase("refused") { (n: Int, _: Transaction) -> Int in
                    throw Rejection(status: 409, type: "no", title: "No.")
                }
            }
        }
        try await World.with({ [Convert(ledger: $0), Reserve(ledger: $0)] }) { world async throws in
            world.ledger.fail("rate", with: Hopeless())
            world.ledger.fail("pay", with: Self.down, Self.down)
            #expect(try await world.run(Convert.self, 4).rejection?.status == 503)
            #expect(world.ledger.effects("bonus taken") == [])
            world.ledger.fail("reserve", with: TransientError("turned away", nothingHappened: true))
            #expect(try await world.run(Reserve.self, 4, key: "k2").rejection?.status == 409)
            #expect(world.ledger.effects("reserve undone") == [])
        }
    }

    @Test func whatIsNotRetryableIsNotRetried() async throws {
        try await World.with(Self.sagas) { world async throws in
            world.ledger.fail("rate", with: Hopeless())
            #expect(try await world.run(Convert.self, 4).response == -4)
            #expect(world.ledger.effects("rate") == [])
            #expect(try await world.run(Convert.self, 4, key: "k2").response == 8)
        }
    }

    @Test func retriesEndWithTheTimeTheyHave() async throws {
        struct Impatient: Saga {
            static let name = "impatient"
            let ledger: Ledger

            var body: some Step<Int, Int> {
                ForeignCall("called", .natural) { (n: Int, _: Call) in
                    try ledger.act("call", "\(n)")
                    return n
                }
                .retry(.fixed(attempts: 100, every: .zero, within: .minutes(10)))
            }
        }
        try await World.with({ [Impatient(ledger: $0)] }) { world async throws in
            world.ledger.fail("call", with: TransientError("down", retryAfter: .minutes(5)), Self.down, Self.down)
            #expect(try await world.run(Impatient.self, 1).progress?.cause == .backoff)
            try await world.database.client.execute(
                "UPDATE waymark.keys SET progressed_at = now() - interval '11 minutes', run_at = now()")
            #expect(try await Completionist(world.orchestrator()).runOnce().parked == 1)
            #expect(try await world.run(Impatient.self, 1).parkedReason == .attemptsExhausted)
        }
    }
}
