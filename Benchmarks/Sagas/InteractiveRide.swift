import Foundation
import PostgresPQ
import RocketRides
import Waymark

/// The demo's ride with bodies that wait for each answer of the database, on the demo's tables: the same work as
/// `BookRide`, which may not wait.
struct InteractiveRide: Saga {
    static let name = "interactive-ride"
    let payments: any PaymentGateway

    var body: some Step<RideOrder, BookedRide> {
        AtomicPhase("ride_created", createRide)
        ForeignCall("charge_created", .keyed(horizon: .hours(24), replaysAnswers: true), charge)
            // One scenario has rides wait in here for as long as it looks at them.
            .timeout(.minutes(10))
        AtomicPhase("receipt_staged", stageReceipt)
    }

    func createRide(_ order: RideOrder, _ tx: Transaction) async throws -> CreatedRide {
        let ride = CreatedRide(
            id: UUID(), userID: order.userID, customer: order.customer, amount: 20_00, currency: "usd")
        try await tx.pipeline([
            """
            INSERT INTO rocket_rides.rides
                (id, key_id, incarnation, user_id, origin_lat, origin_lon, target_lat, target_lon)
            VALUES (\(ride.id), \(tx.key.id), \(tx.key.incarnation), \(ride.userID), \(order.route.originLat),
                \(order.route.originLon), \(order.route.targetLat), \(order.route.targetLon))
            """,
            """
            INSERT INTO rocket_rides.audit_records (key_id, incarnation, action, resource_type, resource_id, user_id)
            VALUES (\(tx.key.id), \(tx.key.incarnation), 'created', 'ride', \(ride.id), \(ride.userID))
            """,
        ])
        return ride
    }

    func charge(_ ride: CreatedRide, _ call: Call) async throws -> ChargedRide {
        let charge = try await payments.charge(
            amount: ride.amount, currency: ride.currency, customer: ride.customer, description: "Ride \(ride.id)",
            idempotencyKey: call.idempotencyKey)
        return ChargedRide(ride: ride, chargeID: charge)
    }

    func stageReceipt(_ charged: ChargedRide, _ tx: Transaction) async throws -> BookedRide {
        let ride = charged.ride
        let booked = try await tx.query(
            """
            UPDATE rocket_rides.rides AS r SET state = 'booked', charge_id = \(charged.chargeID)
            FROM rocket_rides.users AS u
            WHERE r.id = \(ride.id) AND u.id = r.user_id
            RETURNING u.email
            """)
        for email in try booked.decode(String.self) {
            try tx.stage(RideReceipt(to: email, rideID: ride.id, amount: ride.amount, currency: ride.currency))
        }
        return BookedRide(
            rideID: ride.id, chargeID: charged.chargeID, amount: ride.amount, currency: ride.currency)
    }
}

/// A ride on record, not yet paid.
struct CreatedRide: Codable, Sendable {
    let id: UUID
    let userID: Int
    let customer: String
    /// In the currency's smallest unit.
    let amount: Int
    let currency: String
}

/// A ride that was charged.
struct ChargedRide: Codable, Sendable {
    let ride: CreatedRide
    let chargeID: String
}

/// The response.
struct BookedRide: Codable, Sendable {
    let rideID: UUID
    let chargeID: String
    /// In the currency's smallest unit.
    let amount: Int
    let currency: String
}

/// The demo's job: that one's type is its module's own.
struct RideReceipt: Job {
    static let name = "send-receipt"

    let to: String
    let rideID: UUID
    let amount: Int
    let currency: String
}
