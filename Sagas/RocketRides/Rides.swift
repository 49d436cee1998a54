import Foundation
import Waymark

/// What a rider asks for; who the rider is comes from authentication.
public struct RideRequest: Codable, Sendable {
    let userID: Int
    /// The payment service's id of the rider.
    let customer: String
    /// Where the receipt goes.
    let email: String
    let route: Route

    enum CodingKeys: String, CodingKey {
        case userID = "user_id"
        case customer, email, route
    }

    /// - Throws: `WaymarkError` that names the field which is not on the globe.
    init(_ route: Route, for rider: Rider) throws {
        try route.check()
        userID = rider.id
        customer = rider.customer
        email = rider.email
        self.route = route
    }
}

/// From where to where, in degrees: the body of `POST /rides`, as JSON or as a form.
struct Route: Codable, Sendable {
    let originLat: Double
    let originLon: Double
    let targetLat: Double
    let targetLon: Double

    enum CodingKeys: String, CodingKey {
        case originLat = "origin_lat"
        case originLon = "origin_lon"
        case targetLat = "target_lat"
        case targetLon = "target_lon"
    }

    func check() throws {
        let coordinates: [(key: CodingKeys, value: Double, bound: Double)] = [
            (.originLat, originLat, 90), (.originLon, originLon, 180), (.targetLat, targetLat, 90),
            (.targetLon, targetLon, 180),
        ]
        for (key, value, bound) in coordinates where !(-bound...bound).contains(value) {
            throw WaymarkError(
                .invalidField, "must be between -\(Int(bound)) and \(Int(bound)) degrees", field: key.stringValue)
        }
    }
}

/// A ride on record, not yet paid.
struct Ride: Codable, Sendable {
    /// What a ride costs, in cents.
    static let fare = 20_00

    let id: UUID
    let userID: Int
    let customer: String
    let email: String
    /// In the currency's smallest unit.
    let amount: Int
    let currency: String
}

/// A ride that was charged.
struct PaidRide: Codable, Sendable {
    let ride: Ride
    let chargeID: String
}

/// The response.
public struct Confirmation: Codable, Sendable {
    let rideID: UUID
    let chargeID: String
    /// In the currency's smallest unit.
    let amount: Int
    let currency: String

    enum CodingKeys: String, CodingKey {
        case rideID = "ride_id"
        case chargeID = "charge_id"
        case amount, currency
    }
}

/// Sends the rider a receipt by mail.
struct SendReceipt: Job {
    static let name = "send-receipt"

    let to: String
    let rideID: UUID
    let amount: Int
    let currency: String
}
