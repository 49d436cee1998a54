// Does not type-check: a sleep passes the Ride on, and the receipt takes a PaidRide.
import Waymark

struct RideRequest: Codable, Sendable { var rider: Int }
struct Ride: Codable, Sendable { var id: Int }
struct PaidRide: Codable, Sendable { var id: Int }
struct Confirmation: Codable, Sendable { var id: Int }

struct Mischained: Saga {
    static let name = "mischained"

    var body: some Step<RideRequest, Confirmation> {
        AtomicPhase("ride_created", createRide)
        Sleep("cooled_off", for: .hours(1))
        AtomicPhase("receipt_staged", stageReceipt)
    }

    func createRide(_ request: RideRequest, _ transaction: Transaction) async throws -> Ride {
        Ride(id: request.rider)
    }

    func stageReceipt(_ ride: PaidRide, _ transaction: Transaction) async throws -> Confirmation {
        Confirmation(id: ride.id)
    }
}
