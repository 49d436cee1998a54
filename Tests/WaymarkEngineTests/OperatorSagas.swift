import Foundation
import PostgresPQ
import Waymark

/// A call that nobody can ask about, between two phases.
struct Payout: Saga {
    static let name = "payout"
    let script: Script

    var body: some Step<Order, Receipt> {
        AtomicPhase("booked", book)
            .compensate(retry: .none, unbook)
        ForeignCall("withdrawn", .atMostOnce, withdraw)
            .retry(.none)
            .compensate(.atMostOnce, retry: .none, deposit)
        AtomicPhase("noted", note)
            .retry(.none)
    }

    func book(_ order: Order, _ tx: Transaction) async throws -> Reservation {
        try await script.perform("booked", order.item)
        return Reservation(item: order.item, id: UUID())
    }

    func unbook(_ reservation: Reservation, _ tx: Transaction) async throws {
        try await script.perform("unbook", reservation.item)
    }

    func withdraw(_ reservation: Reservation, _ call: Call) async throws -> Payment {
        try await script.perform("withdrawn", call.idempotencyKey)
        return Payment(reservation: reservation, charge: "called")
    }

    func deposit(_ payment: Payment, _ call: Call) async throws {
        try await script.perform("deposit", payment.charge)
    }

    func note(_ payment: Payment, _ tx: Transaction) async throws -> Receipt {
        try await script.perform("noted", payment.charge)
        return Receipt(charge: payment.charge, item: payment.reservation.item)
    }
}

/// One call that nobody can ask about, whose output is the answer.
struct Ping: Saga {
    static let name = "ping"
    let script: Script

    var body: some Step<Order, Receipt> {
        ForeignCall("pinged", .atMostOnce) { (order: Order, call: Call) in
            try await script.perform("pinged", order.item)
            return Receipt(charge: "called", item: order.item)
        }
        .retry(.none)
    }
}

/// Waits for a `Ping`.
struct AskPing: Saga {
    static let name = "ask-ping"

    var body: some Step<Order, Receipt> {
        Child("asked", Ping.self, request: { (order: Order) in order }) { _, receipt in receipt }
    }
}

/// Two calls side by side, each of which may be of unknown outcome.
struct Dispatch: Saga {
    static let name = "dispatch"
    let script: Script

    var body: some Step<Order, [Receipt]> {
        Parallel("prepared", join: { (label: Receipt, pickup: Receipt) in [label, pickup] }) {
            call("labelled")
            Branch {
                AtomicPhase("planned") { (order: Order, _: Transaction) in order }
                call("picked_up")
            }
        }
    }

    func call(_ step: String) -> some Step<Order, Receipt> {
        ForeignCall(step, .atMostOnce) { (order: Order, call: Call) in
            try await script.perform(step, order.item)
            return Receipt(charge: step, item: order.item)
        }
        .retry(.none)
        .compensate(.natural) { (receipt: Receipt, call: Call) in
            try await script.perform("undo \(step)", receipt.item)
        }
    }
}

/// The same call for each element, undone by one of unknown outcome.
struct Spread: Saga {
    static let name = "spread"
    let script: Script

    var body: some Step<[String], [String]> {
        ForEach("spread_all", over: { (items: [String]) in items }, concurrency: 3, join: { _, sent in sent }) {
            ForeignCall("sent", .atMostOnce) { (item: String, call: Call) in
                try await script.perform("sent \(item)", item)
                return item
            }
            .retry(.none)
            .compensate(.atMostOnce, retry: .none) { (item: String, call: Call) in
                try await script.perform("unsent \(item)", item)
            }
        }
        AtomicPhase("closed") { (items: [String], _: Transaction) in
            try await script.perform("closed", "")
            return items
        }
        .retry(.fixed(attempts: 2, every: .zero))
    }
}
