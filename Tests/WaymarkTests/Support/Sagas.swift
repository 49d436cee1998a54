import PostgresPQ
import Waymark

/// Steps that take and give a number and are put together at run time.
struct Steps: Step {
    typealias Input = Int
    typealias Output = Int
    var list: [any ConfigurableStep<Int, Int>]

    func declare(into steps: inout StepList) {
        for step in list { step.declare(into: &steps) }
    }
}

/// A saga of steps that are only known at run time.
struct Assembled: Saga {
    static let name = "assembled"
    let steps: [any ConfigurableStep<Int, Int>]

    init(_ steps: [any ConfigurableStep<Int, Int>]) {
        self.steps = steps
    }

    var body: some Step<Int, Int> {
        Steps(list: steps)
    }
}

/// An atomic phase without a body to speak of.
func phase(_ name: String) -> AtomicPhase<Int, Int> {
    AtomicPhase(name) { input, _ in input + 1 }
}

/// A foreign call without a body to speak of.
func call(_ name: String, _ idempotence: Idempotence = .natural) -> ForeignCall<Int, Int> {
    ForeignCall(name, idempotence) { input, _ in input + 1 }
}

extension ConfigurableStep<Int, Int> {
    /// An undo in a transaction that does nothing.
    func undonePhase(retry: RetryPolicy = .exponential(), timeout: Duration = .seconds(10)) -> Self {
        compensate(retry: retry, timeout: timeout) { (_: Int, _: Transaction) in }
    }

    /// An undo by a call that does nothing.
    func undoneCall(
        _ idempotence: Idempotence = .natural,
        retry: RetryPolicy = .exponential(),
        timeout: Duration = .seconds(30)
    ) -> Self {
        compensate(idempotence, retry: retry, timeout: timeout) { (_: Int, _: Call) in }
    }
}

struct RideRequest: Codable, Sendable, Hashable {
    var rider: Int
    var destination: String
}

struct Ride: Codable, Sendable {
    var id: Int
}

struct PaidRide: Codable, Sendable {
    var id: Int
    var charge: String
}

struct Confirmation: Codable, Sendable {
    var ride: Int
}

/// The saga of the documentation: two phases around a charge.
struct BookRide: Saga {
    static let name = "book-ride"
    static let version = 3

    var body: some Step<RideRequest, Confirmation> {
        AtomicPhase("ride_created", createRide)
            .compensate(cancelRide)
        ForeignCall("charge_created", .keyed(horizon: .hours(24)), charge)
            .retry(.exponential(attempts: 5))
            .timeout(.seconds(20))
            .compensate(refund)
        AtomicPhase("receipt_staged", stageReceipt)
            .isolation(.repeatableRead)
    }

    func createRide(_ request: RideRequest, _ transaction: Transaction) async throws -> Ride {
        Ride(id: request.rider)
    }

    func cancelRide(_ ride: Ride, _ transaction: Transaction) async throws {}

    func charge(_ ride: Ride, _ call: Call) async throws -> PaidRide {
        PaidRide(id: ride.id, charge: call.idempotencyKey)
    }

    func refund(_ ride: PaidRide, _ call: Call) async throws {}

    func stageReceipt(_ ride: PaidRide, _ transaction: Transaction) async throws -> Confirmation {
        Confirmation(ride: ride.id)
    }
}
