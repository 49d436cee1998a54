import Foundation
import PostgresPQ
public import Waymark

/// Books a ride: records it, charges the rider's card, and sends a receipt.
///
/// A declined card is a rejection: the ride is cancelled and the client gets 402. A payment service that is slow, down
/// or confused is transient: the ride waits, and is charged once.
public struct BookRide: Saga {
    public static let name = "book-ride"
    let payments: any PaymentGateway

    public init(payments: any PaymentGateway) {
        self.payments = payments
    }

    public var body: some Step<RideRequest, Confirmation> {
        AtomicPhase("ride_created", createRide)
            .compensate(cancelRide)
        // Stripe remembers an idempotency key for at least 24 hours.
        ForeignCall("charge_created", .keyed(horizon: .hours(24)), charge)
            .retry(.exponential(attempts: 25, base: .milliseconds(100), cap: .minutes(10)))
            .timeout(.seconds(20))
            .compensate(refund)
        AtomicPhase("receipt_staged", stageReceipt)
    }

    /// The ride and its audit record, in one transaction and one round trip.
    func createRide(_ request: RideRequest, _ tx: Transaction) async throws -> Ride {
        let ride = Ride(
            id: UUID(), userID: request.userID, customer: request.customer, amount: Ride.fare, currency: "usd")
        try await tx.pipeline([
            """
            INSERT INTO rocket_rides.rides (id, key_id, user_id, origin_lat, origin_lon, target_lat, target_lon)
            VALUES (\(ride.id), \(tx.key.id), \(ride.userID), \(request.route.originLat), \(request.route.originLon),
                \(request.route.targetLat), \(request.route.targetLon))
            """,
            """
            INSERT INTO rocket_rides.audit_records (key_id, action, resource_type, resource_id, user_id)
            VALUES (\(tx.key.id), 'created', 'ride', \(ride.id), \(ride.userID))
            """,
        ])
        return ride
    }

    func cancelRide(_ ride: Ride, _ tx: Transaction) async throws {
        try await tx.execute("UPDATE rocket_rides.rides SET state = 'cancelled' WHERE id = \(ride.id)")
    }

    func charge(_ ride: Ride, _ call: Call) async throws -> PaidRide {
        let charge = try await payments.charge(
            amount: ride.amount, currency: ride.currency, customer: ride.customer,
            description: "Ride \(ride.id)", idempotencyKey: call.idempotencyKey)
        return PaidRide(ride: ride, chargeID: charge)
    }

    func refund(_ ride: PaidRide, _ call: Call) async throws {
        try await payments.refund(charge: ride.chargeID, idempotencyKey: call.idempotencyKey)
    }

    func stageReceipt(_ paid: PaidRide, _ tx: Transaction) async throws -> Confirmation {
        let booked = try await tx.query(
            """
            UPDATE rocket_rides.rides AS r SET state = 'booked', charge_id = \(paid.chargeID)
            FROM rocket_rides.users AS u
            WHERE r.id = \(paid.ride.id) AND u.id = r.user_id
            RETURNING u.email
            """)
        for email in try booked.decode(String.self) {
            try tx.stage(
                SendReceipt(
                    to: email, rideID: paid.ride.id, amount: paid.ride.amount, currency: paid.ride.currency))
        }
        return Confirmation(
            rideID: paid.ride.id, chargeID: paid.chargeID, amount: paid.ride.amount, currency: paid.ride.currency)
    }
}
