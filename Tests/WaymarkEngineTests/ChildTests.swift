import Foundation
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
            // What no attempt mends.
            if name == "stone" { try await tx.execute("INSERT INTO effects VALUES (\(tx.key.id), 'packed', NULL)") }
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

/// Sells without a box what cannot be packed.
private struct SellAnyway: Saga {
    static let name = "sell-anyway"
    let ledger: Ledger

    var body: some Step<String, String> {
        AtomicPhase("sold") { (name: String, _: Transaction) in name }
        Child("packed", Pack.self, request: { (name: String) in name }) { name, box in "\(name) in \(box)" }
            .orElse { name in "\(name) as it is" }
            .compensate { (what: String, tx: Transaction) in
                try await tx.execute("INSERT INTO effects VALUES (\(tx.key.id), 'unpacked', \(what))")
            }
        AtomicPhase("handed_over") { (what: String, tx: Transaction) in
            if what.hasPrefix("bomb") { throw Rejection(status: 403, type: "forbidden", title: "Forbidden.") }
            return what
        }
    }
}

/// Has things sold side by side, and each of these packed.
private struct SellAll: Saga {
    static let name = "sell-all"
    let ledger: Ledger

    var body: some Step<[String], [String]> {
        ForEach("all_sold", over: { (names: [String]) in names }, concurrency: 2, join: { $1 }) {
            Child("one_sold", Sell.self, request: { (name: String) in name }) { _, what in what }
        }
    }
}

/// Waits before it has a thing packed.
private struct SellLater: Saga {
    static let name = "sell-later"
    let ledger: Ledger

    var body: some Step<String, String> {
        AtomicPhase("sold") { (name: String, _: Transaction) in name }
        Sleep("paused", for: .hours(1))
        Child("packed", Pack.self, request: { (name: String) in name }) { name, box in "\(name) in \(box)" }
    }
}

/// Sagas that have other sagas do something.
@Suite struct ChildTests {
    private static let sagas: @Sendable (Ledger) -> [any Saga] = {
        [Sell(ledger: $0), Pack(ledger: $0), SellAnyway(ledger: $0), SellAll(ledger: $0), SellLater(ledger: $0)]
    }

    /// Has other processes do what is due until nothing is.
    private static func settle(_ world: World) async throws {
        while try await Completionist(world.orchestrator()).runOnce().claimed > 0 {}
    }

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

    /// `.orElse` of a child compiled, and did nothing.
    @Test func aRejectedChildDegradesItsParentWhereverTheProcessStops() async throws {
        try await stopEverywhere(SellAnyway.self, "glass", sagas: Self.sagas) { outcome, world async throws in
            #expect(outcome.response == "glass as it is")
            #expect(try await world.journal() == ["sold", "packed:waiting", "packed degraded", "handed_over"])
            #expect(try await world.effects("packed") == [])
        }
    }

    @Test func aChildsWorkIsUndoneAsDeclared() async throws {
        try await World.with(Self.sagas) { world async throws in
            _ = try await world.run(SellAnyway.self, "bomb")
            try await Self.settle(world)
            #expect(try await world.run(SellAnyway.self, "bomb").rejection?.status == 403)
            #expect(try await world.effects("unpacked") == ["bomb in box of bomb"])
        }
    }

    @Test func aParentWaitedForAParkedChildWithoutAWord() async throws {
        try await World.with(Self.sagas) { world async throws in
            #expect(try await world.run(Sell.self, "stone").progress?.cause == .waiting)
            try await Self.settle(world)
            let progress = try #require(try await world.run(Sell.self, "stone").progress)
            #expect(progress.cause == .blocked)
            let child = try #require(progress.parkedChild)
            #expect(child.saga == "pack" && child.reason == .constraintViolated)

            let inspector = KeyInspector(postgres: world.database.client)
            let shown = try #require(try await inspector.show(child.id))
            let parent = try #require(shown.parent)
            #expect(parent.step == "packed")
            let above = try #require(try await inspector.show(parent.id))
            #expect(above.children.map(\.id) == [child.id])
            #expect(above.children.first?.step == "packed")
            #expect(above.children.first?.parkedReason == "constraint_violated")

            try await world.database.client.execute("ALTER TABLE effects ALTER detail DROP NOT NULL")
            let keys = KeyOperator(
                postgres: world.database.client, sagas: try SagaRegistry(Self.sagas(world.ledger)), actor: "anna")
            try await keys.retry(try #require(try await keys.find(child.id)), reason: "mended")
            try await Self.settle(world)
            #expect(try await world.run(Sell.self, "stone").response == "stone in box of stone")
        }
    }

    /// Also where the child is in a branch, and waits for a child itself.
    @Test func aParkedChildIsFoundBelowOtherChildren() async throws {
        try await World.with(Self.sagas) { world async throws in
            _ = try await world.run(SellAll.self, ["book", "stone"])
            try await Self.settle(world)
            let progress = try #require(try await world.run(SellAll.self, ["book", "stone"]).progress)
            #expect(progress.cause == .blocked)
            #expect(progress.parkedChild?.saga == "pack")
            let id = KeyIdentity.rowID(scope: world.scope, key: try IdempotencyKey("k1"))
            let details = try #require(try await KeyInspector(postgres: world.database.client).show(id))
            // In the order in which they were begun, which is either of the two.
            let children = Dictionary(uniqueKeysWithValues: details.children.map { ($0.step, $0.isDone) })
            #expect(children == ["one_sold[0]": true, "one_sold[1]": false])
        }
    }

    /// It would have waited for the answer to somebody else's request.
    @Test func aChildWhoseKeyIsAnothersParksItsParent() async throws {
        try await World.with(Self.sagas) { world async throws in
            _ = try await world.run(SellLater.self, "book")
            let row = try #require(
                try await world.database.client.query("SELECT id, incarnation FROM waymark.keys").first)
            let (id, incarnation) = try row.decode((UUID, UUID).self)
            let context = KeyContext(
                id: id, scope: world.scope, key: try IdempotencyKey("k1"), saga: SellLater.name,
                incarnation: incarnation)
            let key = KeyIdentity.foreignKey(context, recoveryPoint: "packed")
            #expect(try await world.run(Pack.self, "other", key: key).response == "box of other")
            try await world.database.passTime()
            try await Self.settle(world)
            #expect(try await world.run(SellLater.self, "book").parkedReason == .lastingError)
            let error = try await world.database.client.query("SELECT last_error FROM waymark.keys WHERE NOT done")
            #expect(try error.decode(String.self).first?.contains("'pack' belongs to another request") == true)
        }
    }

    @Test func aKeyThatIsTakenFailsThePhase() async throws {
        try await World.with(Self.sagas) { world async throws in
            #expect(try await world.run(Pack.self, "other", key: "gift for k1").response == "box of other")
            #expect(try await world.run(Sell.self, "book").parkedReason == .lastingError)
            #expect(try await world.effects("sold") == [])
            let error = try await world.database.client.query(
                "SELECT last_error FROM waymark.keys WHERE saga = 'sell'"
            ).decode(String.self)
            #expect(error.first?.contains("key_taken") == true)
        }
    }
}
