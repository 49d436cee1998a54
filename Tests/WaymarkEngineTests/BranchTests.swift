import PostgresPQ
import Synchronization
import Testing
import WaymarkTesting

@testable import Waymark
@testable import WaymarkEngine

private enum Speed: String, Codable, Sendable, CaseIterable {
    case slow, fast, none
}

private struct Parcels: Codable, Sendable, Equatable {
    var speed: Speed
    var names: [String]
}

/// Ships parcels: chooses a way, does two things side by side, then something for each parcel.
private struct ShipAll: Saga {
    static let name = "ship-all"
    let ledger: Ledger

    var body: some Step<Parcels, [String]> {
        Choose("speed_chosen", by: \Parcels.speed) { speed in
            switch speed {
            case .slow:
                ForeignCall("truck_booked", .keyed(horizon: .hours(1)), book)
                    .compensate(cancel)
            case .fast:
                AtomicPhase("noted", note)
                ForeignCall("plane_booked", .keyed(horizon: .hours(1)), book)
                    .compensate(cancel)
            case .none:
                Skip<Parcels>()
            }
        }
        Parallel("prepared", join: merge) {
            ForeignCall("insured", .keyed(horizon: .hours(1)), insure)
                .compensate(cancelInsurance)
            Branch {
                AtomicPhase("listed", list)
                    .compensate(strike)
                ForeignCall("announced", .atMostOnce(settling: .zero, reconcile: findAnnouncement), announce)
            }
        }
        ForEach("sent", over: \Parcels.names, concurrency: 2, join: { (_: Parcels, sent: [String]) in sent }) {
            AtomicPhase("packed", pack)
            ForeignCall("parcel_sent", .keyed(horizon: .hours(1)), send)
                .compensate(callBack)
        }
        AtomicPhase("done", conclude)
    }

    func book(_ parcels: Parcels, _ call: Call) async throws -> Parcels {
        try ledger.call("book", key: call.idempotencyKey, parcels.speed.rawValue)
        return parcels
    }

    func cancel(_ parcels: Parcels, _ call: Call) async throws { try ledger.call("cancel", key: call.idempotencyKey) }

    func note(_ parcels: Parcels, _ tx: Transaction) async throws -> Parcels {
        try await leave("noted", parcels.speed.rawValue, tx)
        return parcels
    }

    func insure(_ parcels: Parcels, _ call: Call) async throws -> String {
        try ledger.call("insure", key: call.idempotencyKey)
    }

    func cancelInsurance(_ policy: String, _ call: Call) async throws {
        try ledger.call("cancel insurance", key: call.idempotencyKey, policy)
    }

    func list(_ parcels: Parcels, _ tx: Transaction) async throws -> Parcels {
        try await leave("listed", parcels.names.joined(separator: "+"), tx)
        return parcels
    }

    func strike(_ parcels: Parcels, _ tx: Transaction) async throws { try await leave("struck", "", tx) }

    func announce(_ parcels: Parcels, _ call: Call) async throws -> Parcels {
        try ledger.act("announce", call.idempotencyKey)
        return parcels
    }

    func findAnnouncement(_ parcels: Parcels, _ call: Call) async throws -> Reconciliation<Parcels> {
        try ledger.look("announce", call.idempotencyKey) ? .happened(parcels) : .didNotHappen
    }

    func merge(_ policy: String, _ parcels: Parcels) -> Parcels { parcels }

    func pack(_ name: String, _ tx: Transaction) async throws -> String {
        try await leave("packed", name, tx)
        return name
    }

    func send(_ name: String, _ call: Call) async throws -> String {
        if name == "bomb" { throw Rejection(status: 422, type: "forbidden", title: "Not by us.") }
        try ledger.call("send", key: call.idempotencyKey, name)
        return "sent \(name)"
    }

    func callBack(_ sent: String, _ call: Call) async throws {
        try ledger.call("call back", key: call.idempotencyKey, sent)
    }

    func conclude(_ sent: [String], _ tx: Transaction) async throws -> [String] {
        try await leave("done", sent.joined(separator: "+"), tx)
        if sent.contains("sent returned") { throw Rejection(status: 410, type: "gone", title: "Moved away.") }
        return sent
    }

    private func leave(_ step: String, _ detail: String, _ tx: Transaction) async throws {
        try await tx.execute("INSERT INTO effects VALUES (\(tx.key.id), \(step), \(detail))")
    }
}

/// Choices, branches side by side, and steps for each element.
@Suite struct BranchTests {
    private static let sagas: @Sendable (Ledger) -> [any Saga] = { [ShipAll(ledger: $0)] }

    @Test(arguments: Speed.allCases)
    fileprivate func everythingHappensOnceWhereverTheProcessStops(speed: Speed) async throws {
        let request = Parcels(speed: speed, names: ["a", "b", "c"])
        try await stopEverywhere(ShipAll.self, request, sagas: Self.sagas) { outcome, world async throws in
            #expect(outcome.response == ["sent a", "sent b", "sent c"])
            #expect(world.ledger.effects("book") == (speed == .none ? [] : [speed.rawValue]))
            #expect(world.ledger.effects("insure").count == 1)
            #expect(world.ledger.effects("announce").count == 1)
            #expect(world.ledger.effects("send").sorted() == ["a", "b", "c"])
            #expect(try await world.effects("noted") == (speed == .fast ? ["fast"] : []))
            #expect(try await world.effects("listed") == ["a+b+c"])
            #expect(try await world.effects("packed") == ["a", "b", "c"])
            #expect(try await world.effects("done") == ["sent a+sent b+sent c"])
        }
    }

    /// The second of three elements is refused: whatever was committed, side by side or before, is undone.
    @Test func aRejectionInTheMiddleUndoesWhatWasDoneWhereverTheProcessStops() async throws {
        let request = Parcels(speed: .fast, names: ["a", "bomb", "c"])
        try await stopEverywhere(ShipAll.self, request, sagas: Self.sagas) { outcome, world async throws in
            #expect(outcome.rejection?.status == 422)
            let (sent, called) = (world.ledger.effects("send"), world.ledger.effects("call back"))
            #expect(called.sorted() == sent.map { "sent \($0)" }.sorted())
            #expect(world.ledger.effects("cancel").count == 1)
            #expect(world.ledger.effects("cancel insurance") == ["insure-1"])
            #expect(try await world.effects("struck").count == 1)
            #expect(try await world.effects("done") == [])
            let journal = try await world.journal()
            let undone = journal.filter { $0.contains(":undone") }
            #expect(Set(undone).count == undone.count, "each once")
        }
    }

    /// A step behind the groups is refused: what their branches did is undone too.
    @Test func aRejectionBehindTheGroupsUndoesTheirBranchesWhereverTheProcessStops() async throws {
        let request = Parcels(speed: .slow, names: ["a", "returned"])
        try await stopEverywhere(ShipAll.self, request, sagas: Self.sagas) { outcome, world async throws in
            #expect(outcome.rejection?.status == 410)
            #expect(world.ledger.effects("call back").sorted() == ["sent a", "sent returned"])
            #expect(world.ledger.effects("cancel insurance") == ["insure-1"])
            #expect(world.ledger.effects("cancel").count == 1)
            #expect(try await world.effects("struck").count == 1)
            let journal = try await world.journal()
            let done = journal.filter { !$0.contains(":undone") && !$0.contains(":begun") }
            let undoable = done.filter { name in
                ["truck_booked", "insured", "listed", "parcel_sent"].contains { name.hasPrefix($0) }
            }
            #expect(
                journal.filter { $0.contains(":undone") }.map { $0.replacing(":undone", with: "") }
                    == undoable.reversed(), "\(journal)")
        }
    }

    /// A branch is refused while the one beside it is under way.
    @Test func aRejectionInAParallelUndoesTheBranchBesideIt() async throws {
        let request = Parcels(speed: .slow, names: ["a"])
        try await stopEverywhere(
            ShipAll.self, request, sagas: Self.sagas,
            prepare: { ledger in
                for _ in 1...9 { ledger.fail("insure", with: Rejection(status: 409, type: "risky", title: "No.")) }
            }
        ) { outcome, world async throws in
            #expect(outcome.rejection?.status == 409)
            #expect(world.ledger.effects("insure") == [])
            #expect(world.ledger.effects("cancel").count == 1)
            #expect(try await world.effects("listed").count == world.effects("struck").count)
            #expect(world.ledger.effects("send") == [])
        }
    }

    @Test func nothingForNoElements() async throws {
        try await World.with(Self.sagas) { world async throws in
            #expect(try await world.run(ShipAll.self, Parcels(speed: .none, names: [])).response == [])
        }
    }

    @Test func tooManyElementsAreRefused() async throws {
        try await World.with(Self.sagas) { world async throws in
            let names = (0...Limits.elements).map { "\($0)" }
            let outcome = try await world.run(ShipAll.self, Parcels(speed: .none, names: names))
            #expect(outcome.parkedReason == .unstorableOutput)
        }
    }

    /// A branch in a backoff does not keep the others, and the key is given back until it is over.
    @Test func aBranchWaitsByItself() async throws {
        try await World.with(Self.sagas) { world async throws in
            world.ledger.fail("insure", with: TransientError("busy", retryAfter: .minutes(10)))
            let request = Parcels(speed: .none, names: ["a"])
            let progress = try await world.run(ShipAll.self, request).progress
            #expect(progress?.recoveryPoint == "prepared:begun")
            #expect(progress.map { $0.retryAfter > .minutes(9) } == true)
            #expect(try await world.journal() == ["speed_chosen", "listed", "announced"])
            let states = try await world.database.client.query(
                """
                SELECT branches #>> '{insured,point}', (branches #>> '{insured,attempts}')::int, branches #>> '{listed,point}'
                FROM waymark.keys
                """
            ).decode((String, Int, String).self)
            #expect(states.first.map { $0 == ("started", 2, "finished") } == true)
            try await world.settle()
            #expect(try await world.run(ShipAll.self, request).response == ["sent a"])
        }
    }

    @Test func aBranchParksByItself() async throws {
        struct Twins: Saga {
            static let name = "twins"
            let ledger: Ledger
            var body: some Step<Int, Int> {
                Parallel("both", join: { (a: Int, b: Int) in a + b }) {
                    ForeignCall("left", .natural) { (n: Int, _: Call) in
                        try ledger.act("left", "")
                        return n
                    }
                    .retry(.none)
                    ForeignCall("right", .natural) { (n: Int, _: Call) in
                        try ledger.act("right", "")
                        return n
                    }
                }
            }
        }
        try await World.with({ [Twins(ledger: $0)] }) { world async throws in
            world.ledger.fail("left", with: TransientError("down"))
            #expect(try await world.run(Twins.self, 1).parkedReason == .attemptsExhausted)
            #expect(world.ledger.effects("right").count == 1)
            let parked = try await world.database.client.query("SELECT branches #>> '{left,parked}' FROM waymark.keys")
                .decode(String.self)
            #expect(parked == ["attempts_exhausted"])
        }
    }

    /// A branch's time goes by while another one is at work: the key is due when the branch is, not as long again after it.
    @Test func aBranchIsNotHeldUpByHowLongAnotherOneTook() async throws {
        struct Doze: Saga {
            static let name = "doze"
            let client: @Sendable () -> PostgresClient?
            var body: some Step<Int, Int> {
                Parallel("rested", join: { (_: Int, n: Int) in n }) {
                    Branch {
                        AtomicPhase("tired") { (n: Int, _: Transaction) in n }
                        Sleep("dozed", for: .seconds(2))
                        AtomicPhase("woken") { (n: Int, _: Transaction) in n }
                    }
                    ForeignCall("watched", .natural) { (n: Int, _: Call) async throws -> Int in
                        try await eventually("the other branch's time is over") {
                            try await client()?.query(
                                """
                                SELECT 1 FROM waymark.keys
                                WHERE (branches #>> '{tired,due}')::float8 < extract(epoch FROM now())
                                """
                            ).isEmpty == false
                        }
                        throw TransientError("later", retryAfter: .minutes(5))
                    }
                }
            }
        }
        let client = Mutex<PostgresClient?>(nil)
        try await World.with({ _ in [Doze(client: { client.withLock(\.self) })] }) { world async throws in
            client.withLock { $0 = world.database.client }
            #expect(try await world.run(Doze.self, 1).progress?.cause == .backoff, "one of them failed")
            let late = try await world.database.client.query(
                "SELECT extract(epoch FROM run_at)::float8 - (branches #>> '{tired,due}')::float8 FROM waymark.keys"
            ).decode(Double.self)
            #expect(late.allSatisfy { $0 < 1 }, "\(late)")
        }
    }
}
