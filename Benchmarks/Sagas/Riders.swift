import Foundation
import RocketRides
import Waymark

/// Who books rides: those of the demo's schema, in turn.
struct Riders: Sendable {
    static let count = 20

    let orders: [RideOrder]
    /// The same orders as the demo's saga takes them.
    let requests: [RideRequest]
    let scopes: [Scope]

    init() throws {
        orders = (1...Self.count).map {
            RideOrder(userID: $0, customer: "cus_rider\($0)", email: "rider\($0)@example.com", route: Route())
        }
        requests = try orders.map {
            try JSONDecoder().decode(RideRequest.self, from: JSONEncoder().encode($0))
        }
        scopes = try (1...Self.count).map { try Scope("user:\($0)") }
    }
}

/// What `RideRequest` is as JSON; that one's members are its module's own.
struct RideOrder: Codable, Sendable {
    let userID: Int
    let customer: String
    let email: String
    let route: Route

    enum CodingKeys: String, CodingKey {
        case userID = "user_id"
        case customer, email, route
    }
}

/// In degrees.
struct Route: Codable, Sendable {
    var originLat = 52.5
    var originLon = 13.4
    var targetLat = 52.6
    var targetLon = 13.5

    enum CodingKeys: String, CodingKey {
        case originLat = "origin_lat"
        case originLon = "origin_lon"
        case targetLat = "target_lat"
        case targetLon = "target_lon"
    }
}
