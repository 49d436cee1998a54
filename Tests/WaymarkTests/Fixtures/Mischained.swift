// Does not type-check: the receipt takes a PaidRide, and nothing before it pays.
import Waymark

struct RideRequest: Codable, Sendable { var rider: Int }
struct Ride: Codable, Sendable { var id: Int }
struct PaidRide: Codable, Sendable { var id: Int }
struct Confirmation: Codable, Sendable { var id: Int }

struct Mischained: Saga {
    static let name = "mischained"

    var body: some Step<RideRequest, Confirmation> {
        AtomicPhase("ride_created", createRide)
        AtomicPhase("receipt_staged", stageReceipt)
    }

    func createRide(_ request: RideRequest, _ transaction: Transaction) async throws -> Ride {
        Ride(id: request.rider)
    }

    func stageReceipt(_ ride: PaidRide, _ transaction: Transaction) async throws -> Confirmation {
        Confirmation(id: ride.id)
    }
}
