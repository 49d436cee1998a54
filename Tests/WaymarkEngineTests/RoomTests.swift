import Foundation
import Logging
import PostgresPQ
import Testing
import WaymarkTesting

@testable import Waymark
@testable import WaymarkEngine

/// Quotes an order and captures its payment; each output holds what it was made of.
private struct Capture: Saga {
    struct Quoted: Codable, Sendable {
        let order: String
        let note: String
    }

    struct Captured: Codable, Sendable {
        let order: String
        let quoted: Quoted
    }

    static let name = "capture"
    let ledger: Ledger

    var body: some Step<String, Int> {
        AtomicPhase("quoted", quote)
        ForeignCall("captured", .keyed(horizon: .hours(24)), capture)
        AtomicPhase("noted") { (captured: Captured, _: inout Writes) in captured.order.utf8.count }
    }

    func quote(_ order: String, _ writes: inout Writes) throws -> Quoted {
        Quoted(order: order, note: order)
    }

    func capture(_ quoted: Quoted, _ call: Call) async throws -> Captured {
        _ = try ledger.call("captured", key: call.idempotencyKey)
        return Captured(order: quoted.order, quoted: quoted)
    }
}

/// The same, where the call returns no more than a number, and says so.
private struct CaptureLittle: Saga {
    static let name = "capture-little"
    let ledger: Ledger

    var body: some Step<String, Int> {
        ForeignCall("captured", .keyed(horizon: .hours(24)), capture).outputBytes(atMost: 20)
        AtomicPhase("noted") { (count: Int, _: inout Writes) in count }.outputBytes(atMost: 20)
    }

    func capture(_ order: String, _ call: Call) async throws -> Int {
        _ = try ledger.call("captured", key: call.idempotencyKey)
        return order.utf8.count
    }
}

/// Books each of so many things, and keeps every booking.
private struct BookAll<Bound: BookingBound>: Saga {
    static var name: String { "book-all" }
    let ledger: Ledger

    var body: some Step<Int, [String]> {
        AtomicPhase("counted") { (count: Int, _: inout Writes) in count }
        ForEach(
            "booked_all", over: { (count: Int) in Array(0..<count) }, join: { (_: Int, bookings: [String]) in bookings }
        ) {
            ForeignCall("booked", .keyed(horizon: .hours(24)), book).outputBytes(atMost: Bound.bytes)
        }
    }

    func book(_ number: Int, _ call: Call) async throws -> String {
        _ = try ledger.call("booked", key: call.idempotencyKey)
        return String(repeating: "b", count: 6 * 1024)
    }
}

private protocol BookingBound: Sendable {
    static var bytes: Int { get }
}

/// Says what a booking really takes.
private enum Honest: BookingBound {
    static let bytes = 7 * 1024
}

/// Says less than a booking takes.
private enum Modest: BookingBound {
    static let bytes = 100
}

/// Books each of so many things, and keeps only how many.
private struct CountAll: Saga {
    static let name = "count-all"
    let ledger: Ledger

    var body: some Step<Int, Int> {
        ForEach(
            "booked_all", over: { (count: Int) in Array(0..<count) }, join: { (_: Int, all: [String]) in all.count }
        ) {
            ForeignCall("booked", .keyed(horizon: .hours(24)), book)
        }
        .outputBytes(atMost: 20)
    }

    func book(_ number: Int, _ call: Call) async throws -> String {
        _ = try ledger.call("booked", key: call.idempotencyKey)
        return String(repeating: "b", count: 6 * 1024)
    }
}

/// What cannot be stored is found before a foreign effect.
@Suite struct RoomTests {
    private func with(_ body: @escaping @Sendable (World) async throws -> Void) async throws {
        try await World.with(
            { [Capture(ledger: $0), CaptureLittle(ledger: $0), BookAll<Honest>(ledger: $0), CountAll(ledger: $0)] },
            body)
    }

    private func lastError(_ world: World) async throws -> String {
        try await world.database.client.query("SELECT last_error FROM waymark.keys").decode(String.self).first ?? ""
    }

    @Test func aRequestThatACallMayReturnTwiceOverIsRefusedAtTheDoor() async throws {
        try await with { world async throws in
            let order = String(repeating: "o", count: 150 * 1024)
            let error = await #expect(throws: WaymarkError.self) { try await world.run(Capture.self, order) }
            #expect(error?.code == .tooLarge)
            #expect(error?.message.contains("'captured'") == true)
            #expect(error?.message.contains("limits.outputBytes") == true)
            #expect(world.ledger.effects("captured").isEmpty)
            #expect(try await world.snapshot().isEmpty)
        }
    }

    @Test func aCallWhoseInputIsTooLargeToReturnIsNotMade() async throws {
        try await with { world async throws in
            let outcome = try await world.run(Capture.self, String(repeating: "o", count: 100 * 1024))
            #expect(outcome.parkedReason == .unstorableOutput)
            #expect(world.ledger.effects("captured").isEmpty)
            let error = try await lastError(world)
            #expect(error.contains("'captured' is not called") && error.contains("outputBytes(atMost:)"), "\(error)")
            // Nothing was called, so there is nothing to find out before the request is rejected.
            let keys = KeyOperator(
                postgres: world.database.client, sagas: try SagaRegistry([Capture(ledger: world.ledger)]), actor: "anna"
            )
            let id = KeyIdentity.rowID(scope: world.scope, key: try IdempotencyKey("k1"))
            let rejection = Rejection(status: 413, type: "too-large", title: "Too large.")
            try await keys.reject(try #require(try await keys.find(id)), with: rejection, reason: "r")
            let order = String(repeating: "o", count: 100 * 1024)
            #expect(try await world.run(Capture.self, order).rejection?.status == 413)
        }
    }

    @Test func aCallThatDeclaresLittleIsMadeWithALargeInput() async throws {
        try await with { world async throws in
            let outcome = try await world.run(CaptureLittle.self, String(repeating: "o", count: 200 * 1024))
            #expect(outcome.response == 200 * 1024)
        }
    }

    @Test func theLimitsAreTheConfigurations() async throws {
        try await with { world async throws in
            var configuration = EngineConfiguration()
            configuration.limits.requestBytes = 1 << 20
            configuration.limits.outputBytes = 2 << 20
            let large = Orchestrator(
                postgres: world.database.client, sagas: try SagaRegistry([Capture(ledger: world.ledger)]),
                configuration: configuration)
            let order = String(repeating: "o", count: 300 * 1024)
            let outcome = try await large.run(
                Capture.self, key: IdempotencyKey("k1"), scope: world.scope, request: order)
            #expect(outcome.response == order.utf8.count)
            configuration.limits.requestBytes = 10
            let small = Orchestrator(
                postgres: world.database.client, sagas: try SagaRegistry([Capture(ledger: world.ledger)]),
                configuration: configuration)
            let error = await #expect(throws: WaymarkError.self) {
                try await small.run(Capture.self, key: IdempotencyKey("k2"), scope: world.scope, request: "0123456789")
            }
            #expect(error?.message.contains("10 at most (limits.requestBytes)") == true)
        }
    }

    @Test func aJoinThatCannotHoldWhatItsElementsDeclareBeginsNoneOfThem() async throws {
        try await with { world async throws in
            let outcome = try await world.run(BookAll<Honest>.self, 50)
            #expect(outcome.parkedReason == .unstorableOutput)
            #expect(world.ledger.effects("booked").isEmpty)
            #expect(try await lastError(world).contains("'booked_all' is not begun"))
        }
    }

    @Test func aJoinThatTurnsOutTooLargeStopsAtItsFirstElement() async throws {
        try await World.with({ [BookAll<Modest>(ledger: $0)] }) { world in
            let outcome = try await world.run(BookAll<Modest>.self, 50)
            #expect(outcome.parkedReason == .unstorableOutput)
            #expect(world.ledger.effects("booked").count == 1)
            #expect(try await lastError(world).contains("'booked_all'"))
        }
    }

    @Test func aJoinThatDeclaresLittleTakesAllElements() async throws {
        try await with { world async throws in
            #expect(try await world.run(CountAll.self, 50).response == 50)
            #expect(world.ledger.effects("booked").count == 50)
        }
    }
}
