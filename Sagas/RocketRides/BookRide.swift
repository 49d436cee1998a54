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
        ForeignCall("charge_created", .keyed(horizon: .hours(24), replaysAnswers: true), charge)
            .retry(.exponential(attempts: 25, base: .milliseconds(100), cap: .minutes(10)))
            .timeout(.seconds(20))
            .compensate(refund)
        AtomicPhase("receipt_staged", stageReceipt)
    }

    /// The ride and its audit record.
    func createRide(_ request: RideRequest, _ writes: inout Writes) throws -> Ride {
        let ride = Ride(
            id: writes.newID(), userID: request.userID, customer: request.customer, email: request.email,
            amount: Ride.fare, currency: "usd")
        let (key, route) = (writes.key, request.route)
        writes.execute(
            each: """
                INSERT INTO rocket_rides.rides
                    (id, key_id, incarnation, user_id, origin_lat, origin_lon, target_lat, target_lon)
                SELECT * FROM \(row: ride.id, key.id, key.incarnation, ride.userID, route.originLat, route.originLon,
                    route.targetLat, route.targetLon)
                """)
        writes.execute(
            each: """
                INSERT INTO rocket_rides.audit_records
                    (key_id, incarnation, action, resource_type, resource_id, user_id)
                SELECT r.key_id, r.incarnation, 'created', 'ride', r.id, r.user_id
                FROM \(row: key.id, key.incarnation, ride.id, ride.userID) AS r (key_id, incarnation, id, user_id)
                """)
        return ride
    }

    func cancelRide(_ ride: Ride, _ writes: inout Writes) throws {
        writes.execute(
            each: """
                UPDATE rocket_rides.rides SET state = 'cancelled' FROM \(row: ride.id) AS r (id) WHERE rides.id = r.id
                """)
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
            each: """
                UPDATE rocket_rides.rides SET state = 'booked', charge_id = r.charge_id
                FROM \(row: ride.id, paid.chargeID) AS r (id, charge_id) WHERE rides.id = r.id
                """)
        try writes.stage(SendReceipt(to: ride.email, rideID: ride.id, amount: ride.amount, currency: ride.currency))
        return Confirmation(rideID: ride.id, chargeID: paid.chargeID, amount: ride.amount, currency: ride.currency)
    }
}
