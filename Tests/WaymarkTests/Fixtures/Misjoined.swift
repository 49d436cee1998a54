// Does not type-check: the branches give a Label and a Pickup, and the join takes them the other way round.
import Waymark

struct Order: Codable, Sendable { var id: Int }
struct Label: Codable, Sendable { var id: Int }
struct Pickup: Codable, Sendable { var id: Int }
struct Prepared: Codable, Sendable {
    var pickup: Pickup
    var label: Label
}

struct Misjoined: Saga {
    static let name = "misjoined"

    var body: some Step<Order, Prepared> {
        Parallel("prepared", join: Prepared.init) {
            ForeignCall("labelled", .natural, label)
            ForeignCall("fetched", .natural, fetch)
        }
    }

    func label(_ order: Order, _ call: Call) async throws -> Label { Label(id: order.id) }
    func fetch(_ order: Order, _ call: Call) async throws -> Pickup { Pickup(id: order.id) }
}
