// Type-checks: all ways and branches take the same, and the ways give the same.
import Waymark

enum Method: String, CaseIterable { case card, invoice, nothing }

struct Order: Codable, Sendable { var method: String }
struct Label: Codable, Sendable { var id: Int }
struct Pickup: Codable, Sendable { var id: Int }
struct Prepared: Codable, Sendable {
    var label: Label
    var pickup: Pickup
}

struct WellBranched: Saga {
    static let name = "well-branched"

    var body: some Step<Order, Prepared> {
        Choose("routed", by: { (order: Order) in Method(rawValue: order.method) ?? .nothing }) { method in
            switch method {
            case .card: ForeignCall("charged", .keyed(horizon: .hours(24)), charge).compensate(refund)
            case .invoice:
                AtomicPhase("invoiced", invoice)
                AtomicPhase("noted", invoice).when { $0.method != "" }
            case .nothing: Skip<Order>()
            }
        }
        Parallel("prepared", join: Prepared.init) {
            ForeignCall("labelled", .atMostOnce, label)
            Branch {
                AtomicPhase("weighed", invoice)
                ForeignCall("fetched", .natural, fetch)
            }
        }
    }

    func charge(_ order: Order, _ call: Call) async throws -> Order { order }
    func refund(_ order: Order, _ call: Call) async throws {}
    func invoice(_ order: Order, _ transaction: Transaction) async throws -> Order { order }
    func label(_ order: Order, _ call: Call) async throws -> Label { Label(id: 1) }
    func fetch(_ order: Order, _ call: Call) async throws -> Pickup { Pickup(id: 1) }
}
