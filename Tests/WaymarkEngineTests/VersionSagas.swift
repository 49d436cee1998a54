import Foundation
import PostgresPQ
import Waymark

/// What a deployment made of `Delivery`: the same steps under other names.
protocol DeliveryEdition: Sendable {
    static var version: Int { get }
    /// What comes behind each step's first name.
    static var suffix: String { get }
    static var declaresRenaming: Bool { get }
    /// The steps that have another name; nil for all.
    static var changes: Set<String>? { get }
    /// The steps that are declared as removed.
    static var removed: [String] { get }
}

extension DeliveryEdition {
    static var changes: Set<String>? { nil }
    static var removed: [String] { [] }
}

enum FirstEdition: DeliveryEdition {
    static let version = 1
    static let suffix = ""
    static let declaresRenaming = false
}

enum RenamedEdition: DeliveryEdition {
    static let version = 2
    static let suffix = "_now"
    static let declaresRenaming = true
}

/// The first one's steps are gone, and there are others.
enum ForgetfulEdition: DeliveryEdition {
    static let version = 2
    static let suffix = "_now"
    static let declaresRenaming = false
}

/// The same for one step inside of the group.
enum BranchForgetfulEdition: DeliveryEdition {
    static let version = 2
    static let suffix = "_now"
    static let declaresRenaming = false
    static let changes: Set<String>? = ["packed"]
}

/// The first step was renamed, or replaced by another: nothing says so.
enum NewFirstStepEdition: DeliveryEdition {
    static let version = 2
    static let suffix = "_now"
    static let declaresRenaming = false
    static let changes: Set<String>? = ["booked"]
}

/// The first step was replaced by another one.
enum RemovedFirstStepEdition: DeliveryEdition {
    static let version = 2
    static let suffix = "_now"
    static let declaresRenaming = false
    static let changes: Set<String>? = ["booked"]
    static let removed = ["booked"]
}

/// A step of most kinds; what each does, its script says by step and item: `charged book`.
struct Deliver<Edition: DeliveryEdition>: Saga {
    static var name: String { "delivery" }
    static var version: Int { Edition.version }
    static var removedSteps: [String] { Edition.removed }

    let script: Script
    /// Until when the item "asleep" sleeps. Others do not.
    var wakes = Date.distantPast

    var body: some Step<Order, Order> {
        AtomicPhase(named("booked"), phase("booked")).compensate(undo("unbooked")).was("booked", Edition.self)
        SleepUntil(named("cooled"), wake).was("cooled", Edition.self)
        ForeignCall(named("withdrawn"), .atMostOnce(settling: .zero, reconcile: find), call("withdrawn"))
            .was("withdrawn", Edition.self)
        ForeignCall(named("charged"), .keyed(horizon: .hours(24)), call("charged")).compensate(refund)
            .was("charged", Edition.self)
        Parallel(named("prepared"), join: { label, _ in label }) {
            ForeignCall(named("labelled"), .natural, call("labelled")).was("labelled", Edition.self)
            Branch {
                AtomicPhase(named("packed"), phase("packed")).was("packed", Edition.self)
                AtomicPhase(named("weighed"), phase("weighed")).was("weighed", Edition.self)
            }
        }.was("prepared", Edition.self)
        AtomicPhase(named("confirmed"), phase("confirmed")).was("confirmed", Edition.self)
    }

    private func named(_ step: String) -> String {
        Edition.changes.map { $0.contains(step) } ?? true ? step + Edition.suffix : step
    }

    private func wake(_ order: Order) -> Date { order.item == "asleep" ? wakes : .distantPast }

    private func phase(_ step: String) -> @Sendable (Order, Transaction) async throws -> Order {
        { [script] order, tx in
            try await tx.execute("INSERT INTO effects VALUES (\(tx.key.id), \(step), \(order.item))")
            try await script.perform("\(step) \(order.item)", "")
            return order
        }
    }

    private func undo(_ step: String) -> @Sendable (Order, Transaction) async throws -> Void {
        { order, tx in _ = try await phase(step)(order, tx) }
    }

    private func call(_ step: String) -> @Sendable (Order, Call) async throws -> Order {
        { [script] order, call in
            try await script.perform("\(step) \(order.item)", call.idempotencyKey)
            return order
        }
    }

    private func refund(_ order: Order, _ call: Call) async throws {
        _ = try await self.call("refunded")(order, call)
    }

    private func find(_ order: Order, _ call: Call) async throws -> Reconciliation<Order> {
        script.calls(of: "withdrawn \(order.item)").contains(call.idempotencyKey) ? .happened(order) : .didNotHappen
    }
}

extension NamedStep {
    func was<Edition: DeliveryEdition>(_ name: String, _: Edition.Type) -> Self {
        Edition.declaresRenaming ? renamed(from: name) : self
    }
}

struct Price: Codable, Sendable {
    let cents: Int
    let currency: String
}

/// Prices as plain numbers, for one item.
struct FirstQuote: Saga {
    static let name = "quote"
    let script: Script

    var body: some Step<String, String> {
        AtomicPhase("priced") { [script] (item: String, _: Transaction) in
            try await script.perform("priced \(item)", "")
            return item.count * 100
        }
        ForeignCall("sent", .natural) { [script] (cents: Int, _: Call) in
            try await script.perform("sent", "")
            return "\(cents) cents"
        }
    }
}

/// Prices with a currency, for an order.
struct SecondQuote: Saga {
    static let name = "quote"
    static let version = 2
    let script: Script

    static var requestChanges: [RequestChange<Order>] {
        [RequestChange(in: 2, from: String.self) { Order(item: $0) }]
    }

    var body: some Step<Order, String> {
        AtomicPhase("priced") { [script] (order: Order, _: Transaction) in
            try await script.perform("priced \(order.item)", "")
            return Price(cents: order.quantity * order.item.count * 100, currency: "EUR")
        }
        .outputChanged(in: 2, from: Int.self) { Price(cents: $0, currency: "DEM") }
        ForeignCall("sent", .natural) { [script] (price: Price, _: Call) in
            try await script.perform("sent", "")
            return "\(price.cents) cents in \(price.currency)"
        }
    }
}
