// Does not type-check: one branch takes an Order, the other one a Label.
import Waymark

struct Order: Codable, Sendable { var id: Int }
struct Label: Codable, Sendable { var id: Int }
struct Pickup: Codable, Sendable { var id: Int }
struct Prepared: Codable, Sendable {
    var label: Label
    var pickup: Pickup
}

struct Misbranched: Saga {
    static let name = "misbranched"

    var body: some Step<Order, Prepared> {
        Parallel("prepared", join: Prepared.init) {
            ForeignCall("labelled", .natural, label)
            ForeignCall("fetched", .natural, fetch)
        }
    }

    func label(_ order: Order, _ call: Call) async throws -> Label { Label(id: order.id) }
    func fetch(_ label: Label, _ call: Call) async throws -> Pickup { Pickup(id: label.id) }
}
