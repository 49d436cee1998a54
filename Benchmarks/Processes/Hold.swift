import ArgumentParser
import RocketRides
import ServiceLifecycle
import WaymarkEngine

/// Books rides whose charge is not answered.
struct Hold: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Has rides wait in their charge; started by a scenario.", shouldDisplay: false)

    @Option(help: "Rides to have in flight.")
    var inFlight: Int

    /// More at once than there are connections, and few enough that none waits long for one.
    static let beginning = 64

    func run() async throws {
        let (arrivals, arrival) = AsyncStream<Void>.makeStream()
        try await ChildProcess.run("bench-hold", [InteractiveRide(payments: SilentPayments(arrival: arrival))]) {
            [Holding(inFlight: inFlight, orchestrator: $0, arrivals: arrivals)]
        }
    }

    /// Begins another ride whenever one has got to its charge.
    private struct Holding: Service {
        let inFlight: Int
        let orchestrator: Orchestrator
        let arrivals: AsyncStream<Void>

        func run() async throws {
            let riders = try Riders()
            try await withThrowingDiscardingTaskGroup { group in
                var begun = 0
                func begin() {
                    guard begun < inFlight else { return }
                    group.addTask { [begun] in try await riders.bookInteractively(begun, through: orchestrator) }
                    begun += 1
                }
                for _ in 0..<Hold.beginning { begin() }
                for await _ in arrivals { begin() }
            }
        }
    }

    /// A payment service that does not answer within any measurement.
    private struct SilentPayments: PaymentGateway {
        let arrival: AsyncStream<Void>.Continuation

        func charge(
            amount: Int, currency: String, customer: String, description: String, idempotencyKey: String
        ) async throws -> String {
            arrival.yield()
            // No answer comes, and none has a timer of its own that would be measured too.
            return await withUnsafeContinuation { (_: UnsafeContinuation<String, Never>) in }
        }

        func refund(charge: String, idempotencyKey: String) async throws {}
    }
}
