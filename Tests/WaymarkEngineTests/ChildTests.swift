import PostgresPQ
import Testing
import WaymarkTesting

@testable import Waymark
@testable import WaymarkEngine

private struct Pack: Saga {
    static let name = "pack"
    let ledger: Ledger

    var body: some Step<String, String> {
        AtomicPhase("packed") { (name: String, tx: Transaction) in
            try await tx.execute("INSERT INTO effects VALUES (\(tx.key.id), 'packed', \(name))")
            if name == "glass" { throw Rejection(status: 422, type: "fragile", title: "Too fragile.") }
            return "box of \(name)"
        }
    }
}

/// Has one thing packed and waits for it, and another without waiting.
private struct Sell: Saga {
    static let name = "sell"
    let ledger: Ledger

    var body: some Step<String, String> {
        AtomicPhase("sold", sell)
            .compensate { (name: String, tx: Transaction) in
                try await tx.execute("INSERT INTO effects VALUES (\(tx.key.id), 'bought back', \(name))")
            }
        Child("packed", Pack.self, request: { (name: String) in name }) { name, box in "\(name) in \(box)" }
        ForeignCall("shipped", .keyed(horizon: .hours(1))) { (what: String, call: Call) in
            try ledger.call("ship", key: call.idempotencyKey, what)
            return what
        }
    }

    func sell(_ name: String, _ tx: Transaction) async throws -> String {
        try await tx.execute("INSERT INTO effects VALUES (\(tx.key.id), 'sold', \(name))")
        try await tx.start(Pack.self, key: IdempotencyKey("gift for \(tx.key.key)"), request: "gift")
        return name
    }
}

/// Sagas that have other sagas do something.
@Suite struct ChildTests {
    private static let sagas: @Sendable (Ledger) -> [any Saga] = { [Sell(ledger: $0), Pack(ledger: $0)] }

    @Test func theChildWorksOnceWhereverTheProcessStops() async throws {
        try await stopEverywhere(Sell.self, "book", sagas: Self.sagas) { outcome, world async throws in
            #expect(outcome.response == "book in box of book")
            #expect(try await world.effects("packed") == ["book", "gift"])
            #expect(try await world.effects("sold") == ["book"])
            #expect(world.ledger.effects("ship") == ["book in box of book"])
        }
    }

    @Test func aRejectedChildRejectsItsParentWhereverTheProcessStops() async throws {
        try await stopEverywhere(Sell.self, "glass", sagas: Self.sagas) { outcome, world async throws in
            #expect(outcome.rejection?.status == 422)
            #expect(try await world.effects("bought back") == ["glass"])
            #expect(try await world.effects("packed") == ["gift"])
            #expect(world.ledger.effects("ship") == [])
        }
    }

    /// The child's answer makes the parent due at once, and is kept with it.
    @Test func theAnswerWakesTheParent() async throws {
        try await World.with(Self.sagas) { world async throws in
            let outcome = try await world.run(Sell.self, "book")
            #expect(outcome.progress?.recoveryPoint == "packed:waiting")
            var rounds = 0
            while try await Completionist(world.orchestrator()).runOnce().claimed > 0 { rounds += 1 }
            #expect(rounds == 2, "the children, then the parent")
            #expect(try await world.run(Sell.self, "book").response == "book in box of book")
        }
    }

    /// The completionist looks once, and then not for ten minutes.
    @Test func aChildIsBegunAndItsParentGoesOnWithoutWaitingForTheNextLook() async throws {
        try await World.with(Self.sagas) { world async throws in
            let orchestrator = try world.orchestrator()
            var configuration = Completionist.Configuration()
            configuration.pace = Pace(idle: .minutes(10))
            let completionist = Completionist(orchestrator, configuration: configuration)
            try await withThrowingTaskGroup(of: Void.self) { group in
                defer { group.cancelAll() }
                group.addTask { try await orchestrator.run() }
                group.addTask { try await completionist.run() }
                let outcome = try await orchestrator.run(
                    Sell.self, key: IdempotencyKey("k1"), scope: world.scope, request: "book")
                #expect(outcome.progress?.recoveryPoint == "packed:waiting")
                try await eventually("the parent and both children are finished") {
                    try await world.database.client.query("SELECT FROM waymark.keys WHERE done").count == 3
                }
            }
        }
    }

    @Test func aKeyThatIsTakenFailsThePhase() async throws {
        try await World.with(Self.sagas) { world async throws in
            #expect(try await world.run(Pack.self, "other", key: "gift for k1").response == "box of other")
            let impatient = try await world.run(Sell.self, "book")
            #expect(impatient.response == nil)
            #expect(try await world.effects("sold") == [])
            let error = try await world.database.client.query(
                "SELECT last_error FROM waymark.keys WHERE saga = 'sell'"
            ).decode(String.self)
            #expect(error.first?.contains("key_taken") == true)
        }
    }
}
