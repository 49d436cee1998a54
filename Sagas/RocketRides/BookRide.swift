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

    /// The ride and its audit record.
    func createRide(_ request: RideRequest, _ writes: inout Writes) throws -> Ride {
        let ride = Ride(
            id: UUID(), userID: request.userID, customer: request.customer, email: request.email, amount: Ride.fare,
            currency: "usd")
        writes.execute(
            """
            INSERT INTO rocket_rides.rides (id, key_id, user_id, origin_lat, origin_lon, target_lat, target_lon)
            VALUES (\(ride.id), \(writes.key.id), \(ride.userID), \(request.route.originLat), \(request.route.originLon),
                \(request.route.targetLat), \(request.route.targetLon))
            """)
        writes.execute(
            """
            INSERT INTO rocket_rides.audit_records (key_id, action, resource_type, resource_id, user_id)
            VALUES (\(writes.key.id), 'created', 'ride', \(ride.id), \(ride.userID))
            """)
        return ride
    }

    func cancelRide(_ ride: Ride, _ writes: inout Writes) throws {
        writes.execute("UPDATE rocket_rides.rides SET state = 'cancelled' WHERE id = \(ride.id)")
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

    func stageReceipt(_ paid: PaidRide, _ writes: inout Writes) throws -> Confirmation {
        let ride = paid.ride
        writes.execute(
            "UPDATE rocket_rides.rides SET state = 'booked', charge_id = \(paid.chargeID) WHERE id = \(ride.id)")
        try writes.stage(SendReceipt(to: ride.email, rideID: ride.id, amount: ride.amount, currency: ride.currency))
        return Confirmation(rideID: ride.id, chargeID: paid.chargeID, amount: ride.amount, currency: ride.currency)
    }
}
