// Type-checks: each step takes what the step before gives.
import Waymark

struct RideRequest: Codable, Sendable { var rider: Int }
struct Ride: Codable, Sendable { var id: Int }
struct PaidRide: Codable, Sendable { var id: Int }
struct Confirmation: Codable, Sendable { var id: Int }

struct WellChained: Saga {
    static let name = "well-chained"

    var body: some Step<RideRequest, Confirmation> {
        AtomicPhase("ride_created", createRide)
        ForeignCall("charge_created", .keyed(horizon: .hours(24)), charge)
            .retry(.exponential(attempts: 5))
            .timeout(.seconds(20))
            .compensate(refund)
        Sleep("cooled_off", for: .hours(1))
        AtomicPhase("receipt_staged", stageReceipt)
    }

    func createRide(_ request: RideRequest, _ transaction: Transaction) async throws -> Ride {
        Ride(id: request.rider)
    }

    func charge(_ ride: Ride, _ call: Call) async throws -> PaidRide {
        PaidRide(id: ride.id)
    }

    func refund(_ ride: PaidRide, _ call: Call) async throws {}

    func stageReceipt(_ ride: PaidRide, _ transaction: Transaction) async throws -> Confirmation {
        Confirmation(id: ride.id)
    }
}
