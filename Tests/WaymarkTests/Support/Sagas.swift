import PostgresPQ
import Waymark

/// Steps that take and give a number and are put together at run time.
struct Steps: Step {
    typealias Input = Int
    typealias Output = Int
    var list: [any Step<Int, Int>]

    func declare(into steps: inout StepList) {
        for step in list { step.declare(into: &steps) }
    }
}

/// A saga of steps that are only known at run time.
struct Assembled: Saga {
    static let name = "assembled"
    let steps: [any Step<Int, Int>]

    init(_ steps: [any Step<Int, Int>]) {
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
func call(_ name: String, _ rule: CallRule<Int, Int> = .natural) -> ForeignCall<Int, Int> {
    ForeignCall(name, rule) { input, _ in input + 1 }
}

/// The ways of a choice.
enum Route: String, CaseIterable, Sendable {
    case card, invoice, none

    /// A number's way.
    init(_ number: Int) { self = Self.allCases[abs(number % 3)] }
}

/// A choice whose ways are only known at run time; nothing is done on one that is not given.
func choice(_ name: String, _ ways: [Route: [any Step<Int, Int>]]) -> Choose<Route, Steps> {
    Choose(name, by: { Route($0) }, { Steps(list: ways[$0] ?? []) })
}

/// Two branches whose steps are only known at run time, and the sum of their outputs.
func parallel(_ name: String, _ first: [any Step<Int, Int>], _ second: [any Step<Int, Int>]) -> Parallel<Int, Int> {
    Parallel(name, join: { (left: Int, right: Int) in left + right }) {
        Steps(list: first)
        Steps(list: second)
    }
}

/// Steps for each number below the input, and the sum of their outputs.
func each(_ name: String, concurrency: Int = 1, _ steps: [any Step<Int, Int>]) -> ForEach<Int, Int> {
    ForEach(name, over: { Array(0..<$0) }, concurrency: concurrency, join: { _, outputs in outputs.reduce(0, +) }) {
        Steps(list: steps)
    }
}

extension ConfigurableStep<Int, Int> {
    /// An undo in a transaction that does nothing.
    func undonePhase(retry: RetryPolicy = .exponential(), timeout: Duration = .seconds(10)) -> Self {
        compensate(retry: retry, timeout: timeout) { (_: Int, _: Transaction) in }
    }

    /// An undo by a call that does nothing.
    func undoneCall(
        _ rule: CallRule<Int, Void> = .natural,
        retry: RetryPolicy = .exponential(),
        timeout: Duration = .seconds(30)
    ) -> Self {
        compensate(rule, retry: retry, timeout: timeout) { (_: Int, _: Call) in }
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
