// Does not type-check: one way takes an Order, the other one a Label.
import Waymark

enum Method: String, CaseIterable { case card, invoice }

struct Order: Codable, Sendable { var method: String }
struct Label: Codable, Sendable { var id: Int }

struct Mischosen: Saga {
    static let name = "mischosen"

    var body: some Step<Order, Order> {
        Choose("routed", by: { (order: Order) in Method(rawValue: order.method) ?? .invoice }) { method in
            switch method {
            case .card: ForeignCall("charged", .natural, charge)
            case .invoice: ForeignCall("invoiced", .natural, invoice)
            }
        }
    }

    func charge(_ order: Order, _ call: Call) async throws -> Order { order }
    func invoice(_ label: Label, _ call: Call) async throws -> Order { Order(method: "invoice") }
}
