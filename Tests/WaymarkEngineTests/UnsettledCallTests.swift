import Foundation
import PostgresPQ
import Synchronization
import Testing
import WaymarkTesting

@testable import Waymark
@testable import WaymarkEngine

/// A bank that charges once per key, and whose answers get lost.
private final class CardSystem: Sendable {
    enum Way { case answers, losesAnswer, isDown, turnsAway }

    private struct State {
        var ways: [Way] = []
        var charged: [String: Int] = [:]
        var refunded: Set<String> = []
        var calls = 0
    }

    private let state = Mutex(State())
    /// Whether a repetition is refused with "exists already", in place of the first call's answer.
    let refusesRepetitions: Bool

    init(refusesRepetitions: Bool = false) { self.refusesRepetitions = refusesRepetitions }

    func expect(_ ways: Way...) { state.withLock { $0.ways += ways } }

    func charge(_ key: String) throws -> String {
        try state.withLock { state in
            state.calls += 1
            let way = state.ways.isEmpty ? .answers : state.ways.removeFirst()
            if way == .isDown { throw TransientError("no answer") }
            if way == .turnsAway { throw TransientError("busy", nothingHappened: true) }
            if refusesRepetitions, state.charged[key] != nil {
                throw Rejection(status: 409, type: "exists", title: "The charge exists already.")
            }
            state.charged[key] = 1
            if way == .losesAnswer { throw TransientError("the answer was lost") }
            return "charge"
        }
    }

    func find(_ key: String) -> Bool { state.withLock { $0.charged[key] != nil } }

    func refund(_ charge: String) { state.withLock { state in state.refunded.formUnion(state.charged.keys) } }

    /// Charges that nobody paid back.
    var outstanding: Int { state.withLock { $0.charged.count - $0.refunded.count } }
    var charges: Int { state.withLock { $0.charged.count } }
    var calls: Int { state.withLock { $0.calls } }
}

/// A charge whose key is remembered, and what is declared for it; between two phases.
private struct Pay: Saga {
    enum Declared { case parks, asks, rejects, degrades }

    static let name = "pay"
    let cards: CardSystem
    var declared = Declared.parks
    var attempts = 2

    var body: some Step<Int, String> {
        AtomicPhase("noted") { (n: Int, _: Transaction) in "\(n)" }
            .compensate { (_: String, _: Transaction) in }
        Charge(cards: cards, declared: declared, attempts: attempts)
        AtomicPhase("booked") { (charge: String, _: Transaction) in charge }
    }
}

private struct Charge: Step {
    typealias Input = String
    typealias Output = String
    let cards: CardSystem
    let declared: Pay.Declared
    let attempts: Int

    func declare(into steps: inout StepList) {
        let cards = self.cards
        let ask: CallRule<String, String>.Reconcile = { _, call in
            cards.find(call.idempotencyKey) ? .happened("found") : .didNotHappen
        }
        let find = declared == .asks ? ask : nil
        let call = ForeignCall("charged", .keyed(horizon: .hours(1), reconcile: find)) { (_: String, call: Call) in
            try cards.charge(call.idempotencyKey)
        }
        .retry(.fixed(attempts: attempts, every: .zero))
        .compensate { (charge: String, _: Call) in cards.refund(charge) }
        switch declared {
        case .parks, .asks: call.declare(into: &steps)
        case .rejects: call.rejectWhenExhausted(status: 503, type: "down", title: "Down.").declare(into: &steps)
        case .degrades: call.orElse("nothing").declare(into: &steps)
        }
    }
}

/// Checks and charges at the same time.
private struct CheckAndPay: Saga {
    static let name = "check-and-pay"
    let cards: CardSystem
    let check: @Sendable () async throws -> Void
    let onCharge: @Sendable () async throws -> Void

    var body: some Step<Int, Int> {
        Parallel("both", join: { (checked: Int, _: String) in checked }) {
            ForeignCall("checked", .natural) { (n: Int, _: Call) in
                try await check()
                return n
            }
            ForeignCall("charged", .keyed(horizon: .hours(1))) { (_: Int, call: Call) in
                let charge = try cards.charge(call.idempotencyKey)
                try await onCharge()
                return charge
            }
            .compensate { (charge: String, _: Call) in cards.refund(charge) }
        }
        AtomicPhase("booked") { (n: Int, _: Transaction) in n }
    }
}

/// Calls of which the outcome is not known when somebody, or something, gives a request up.
@Suite struct UnsettledCallTests {
    private static func with(
        _ cards: CardSystem, _ declared: Pay.Declared = .parks, attempts: Int = 2,
        _ body: @escaping @Sendable (World, KeyOperator) async throws -> Void
    ) async throws {
        try await World.with({ _ in [Pay(cards: cards, declared: declared, attempts: attempts)] }) {
            world async throws in
            let sagas = try SagaRegistry([Pay(cards: cards, declared: declared, attempts: attempts)])
            try await body(world, KeyOperator(postgres: world.database.client, sagas: sagas, actor: "anna"))
        }
    }

    private static func seen(_ keys: KeyOperator, _ world: World) async throws -> SeenKey {
        let id = KeyIdentity.rowID(scope: world.scope, key: try IdempotencyKey("k1"))
        return try #require(try await keys.find(id))
    }

    @Test func aChargeIsNotLeftBehindWhenItsRepetitionIsRefused() async throws {
        let cards = CardSystem(refusesRepetitions: true)
        try await Self.with(cards) { world, _ async throws in
            cards.expect(.losesAnswer)
            #expect(try await world.run(Pay.self, 1).parkedReason == .outcomeUnknown)
        }
        let asked = CardSystem(refusesRepetitions: true)
        try await Self.with(asked, .asks) { world, _ async throws in
            asked.expect(.losesAnswer)
            #expect(try await world.run(Pay.self, 1).response == "found")
        }
    }

    @Test func aChargeIsNotLeftBehindWhenAttemptsAreUsedUp() async throws {
        for declared in [Pay.Declared.rejects, .degrades] {
            let cards = CardSystem()
            try await Self.with(cards, declared) { world, _ async throws in
                cards.expect(.losesAnswer, .isDown)
                #expect(try await world.run(Pay.self, 1).response == "charge", "\(declared)")
                #expect(cards.calls == 3)
            }
        }
    }

    @Test func whatIsKnownNotToHaveHappenedIsGivenUpAtOnce() async throws {
        let cards = CardSystem()
        try await Self.with(cards, .rejects) { world, _ async throws in
            cards.expect(.turnsAway, .turnsAway)
            #expect(try await world.run(Pay.self, 1).rejection?.status == 503)
            #expect(cards.calls == 2)
        }
    }

    @Test(arguments: [Pay.Declared.parks, .asks])
    fileprivate func aPersonsRejectionUndoesAChargeThatMayHaveHappened(declared: Pay.Declared) async throws {
        let cards = CardSystem()
        try await Self.with(cards, declared, attempts: 1) { world, keys async throws in
            cards.expect(.losesAnswer)
            #expect(try await world.run(Pay.self, 1).parkedReason == .attemptsExhausted)
            let entry = try await keys.compensate(Self.seen(keys, world), reason: "r")
            #expect(entry.after?.direction == "forward", "nothing is undone yet")
            #expect(entry.after?.status == 500)
            #expect(try await world.run(Pay.self, 1).rejection?.status == 500)
            #expect(cards.outstanding == 0)
            #expect(cards.calls == (declared == .asks ? 1 : 2))
        }
    }

    /// A process that stops in the middle of a call counts no attempt, and the call may have happened all the same.
    @Test func aStopInTheMiddleOfACallIsRemembered() async throws {
        let started = Mutex(false)
        let cards = CardSystem()
        struct Slow: Saga {
            static let name = "slow"
            let cards: CardSystem
            let onCall: @Sendable () async throws -> Void

            var body: some Step<Int, String> {
                AtomicPhase("noted") { (n: Int, _: Transaction) in "\(n)" }
                ForeignCall("charged", .keyed(horizon: .hours(1))) { (_: String, call: Call) in
                    let charge = try cards.charge(call.idempotencyKey)
                    try await onCall()
                    return charge
                }
                .compensate { (charge: String, _: Call) in cards.refund(charge) }
                AtomicPhase("booked") { (charge: String, _: Transaction) in charge }
            }
        }
        let onCall: @Sendable () async throws -> Void = {
            let isFirst = started.withLock { isStarted in
                defer { isStarted = true }
                return !isStarted
            }
            if isFirst { try await Task.sleep(for: .seconds(3600)) }
        }
        try await World.with({ _ in [Slow(cards: cards, onCall: onCall)] }) { world async throws in
            let orchestrator = try world.orchestrator()
            let run = Task { [scope = world.scope] in
                try await orchestrator.run(Slow.self, key: IdempotencyKey("k1"), scope: scope, request: 1)
            }
            try await eventually("the call is under way") { started.withLock(\.self) }
            await orchestrator.engine.held.stop(gracePeriod: .zero)
            _ = try await run.value
            let sagas = try SagaRegistry([Slow(cards: cards, onCall: onCall)])
            let keys = KeyOperator(postgres: world.database.client, sagas: sagas, actor: "anna")
            let seen = try await Self.seen(keys, world)
            #expect(seen.recoveryPoint == "noted")
            let entry = try await keys.compensate(seen, reason: "r")
            #expect(entry.before.attempts == 0)
            #expect(entry.after?.direction == "forward")
            #expect(try await world.run(Slow.self, 1).rejection?.status == 500)
            #expect(cards.charges == 1)
            #expect(cards.outstanding == 0)
        }
    }

    /// A branch was refused and its process died, while the branch beside it was in the midst of its first call.
    @Test func aChargeInABranchIsNotLeftBehindWhenTheBranchBesideItWasRefused() async throws {
        let cards = CardSystem()
        let isCharging = Mutex(false)
        let onCharge: @Sendable () async throws -> Void = {
            let isFirst = isCharging.withLock { wasCharging in
                defer { wasCharging = true }
                return !wasCharging
            }
            if isFirst { try await Task.sleep(for: .seconds(3600)) }
        }
        let check: @Sendable () async throws -> Void = {
            try await eventually("the branch beside it is charging") { isCharging.withLock(\.self) }
            throw Rejection(status: 409, type: "no", title: "No.")
        }
        let saga = CheckAndPay(cards: cards, check: check, onCharge: onCharge)
        try await World.with({ _ in [saga] }) { world async throws in
            let orchestrator = try world.orchestrator()
            let run = Task { [scope = world.scope] in
                try await orchestrator.run(CheckAndPay.self, key: IdempotencyKey("k1"), scope: scope, request: 1)
            }
            try await eventually("the refusal is on record") {
                try await world.database.client.query(
                    "SELECT 1 FROM waymark.keys WHERE branches -> 'checked' ->> 'rejected' IS NOT NULL"
                ).count == 1
            }
            orchestrator.abandon()
            _ = try? await run.value
            try await world.settle()
            #expect(try await world.run(CheckAndPay.self, 1).rejection?.status == 409)
            #expect(cards.charges == 1)
            #expect(cards.outstanding == 0)
        }
    }

    /// The rejection is on record before the call is settled: whatever dies then, the request ends with it.
    @Test func aRejectionThatIsDecidedIsCarriedOutWhereverTheProcessStops() async throws {
        for isSent in [true, false] {
            for boundary in 1...20 {
                let cards = CardSystem()
                let isCut = Mutex(false)
                try await Self.with(cards, attempts: 1) { world, keys async throws in
                    cards.expect(.losesAnswer)
                    _ = try await world.run(Pay.self, 1)
                    try await keys.compensate(Self.seen(keys, world), reason: "r")
                    let cut = try await world.untilPowerCut(boundary: boundary, isSent: isSent) { client in
                        _ = try await Completionist(world.orchestrator(on: client)).runOnce()
                    }
                    isCut.withLock { $0 = cut }
                    try await world.settle()
                    #expect(try await world.run(Pay.self, 1).rejection?.status == 500, "\(boundary) \(isSent)")
                    #expect(cards.charges == 1)
                    #expect(cards.outstanding == 0, "\(boundary) \(isSent)")
                }
                if !isCut.withLock(\.self) { break }
            }
        }
    }
}
