import Foundation
import PostgresPQ
import Waymark

/// A phase, a step in which requests may stand, and another phase. A later edition checks something before that step.
struct Trip<Inside: Step<Order, Order>>: Saga {
    static var name: String { "trip" }

    let script: Script
    var checksFirst = false
    let inside: Inside

    var body: some Step<Order, Order> {
        if checksFirst {
            AtomicPhase("booked", perform("booked"))
            AtomicPhase("checked", perform("checked"))
        } else {
            AtomicPhase("booked", perform("booked"))
        }
        inside
        AtomicPhase("closed", perform("closed"))
    }

    private func perform(_ step: String) -> @Sendable (Order, Transaction) async throws -> Order {
        { [script] order, _ in
            try await script.perform("\(step) \(order.item)", order.item)
            return order
        }
    }
}

/// A call that its script knows by the step's name.
func scripted(_ step: String, _ script: Script, _ rule: CallRule<Order, Order> = .natural) -> ForeignCall<Order, Order>
{
    ForeignCall(step, rule) { (order: Order, _: Call) in
        try await script.perform(step, order.item)
        return order
    }
}

/// Something that another saga does, and the response that one of its editions gives.
struct Errand<Response: Codable & Sendable>: Saga {
    static var name: String { "errand" }
    let response: Response

    var body: some Step<Order, Response> {
        AtomicPhase("ran") { [response] (_: Order, _: Transaction) in response }
    }
}

enum Track: String, CaseIterable, Sendable { case road, rail }
enum TrackWithoutRail: String, CaseIterable, Sendable { case road }

/// Two calls, in either order, and a third.
struct Payments: Saga {
    static let name = "payments"
    let script: Script
    var isReordered = false

    var body: some Step<Order, Order> {
        if isReordered {
            scripted("noted", script)
            scripted("withdrawn", script)
        } else {
            scripted("withdrawn", script)
            scripted("noted", script)
        }
        scripted("closed", script)
    }
}

/// Books a room, which one edition knows by its name and another by its number, and no later step asks for it.
struct Stay<Room: Codable & Sendable>: Saga {
    static var name: String { "stay" }
    let script: Script
    let room: Room
    var isUndone = true

    var body: some Step<Order, Order> {
        if isUndone {
            AtomicPhase("room_booked", book).compensate(leave)
        } else {
            AtomicPhase("room_booked", book)
        }
        AtomicPhase("noted") { (_: Room, _: Transaction) in Order(item: "noted") }
        scripted("closed", script)
    }

    func book(_ order: Order, _ tx: Transaction) async throws -> Room { room }

    func leave(_ room: Room, _ tx: Transaction) async throws { try await script.perform("left", "") }
}

/// `SecondQuote`, whose author forgot what was stored.
struct CarelessQuote: Saga {
    static let name = "quote"
    static let version = 2
    let script: Script

    var body: some Step<Order, String> {
        AtomicPhase("priced") { (order: Order, _: Transaction) in Price(cents: order.quantity, currency: "EUR") }
        ForeignCall("sent", .natural) { [script] (price: Price, _: Call) in
            try await script.perform("sent", "")
            return "\(price.cents) cents"
        }
    }
}

/// Goes by rail; what that comes to was on the other way in another edition.
struct Journey: Saga {
    static let name = "journey"
    let script: Script
    var isSwapped = false

    var body: some Step<Order, Order> {
        Choose("routed", by: { (_: Order) in Track.rail }) { track in
            switch (track == .rail) != isSwapped {
            case true:
                scripted("packed", script)
                scripted("called", script)
            case false:
                scripted("driven", script)
            }
        }
        scripted("closed", script)
    }
}
