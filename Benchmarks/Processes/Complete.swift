import ArgumentParser
import RocketRides
import WaymarkEngine

/// A completionist, as one process of several.
struct Complete: AsyncParsableCommand {
    static let applicationName = "bench-complete"

    static let configuration = CommandConfiguration(
        abstract: "Finishes abandoned rides; started by a scenario.", shouldDisplay: false)

    func run() async throws {
        try await ChildProcess.run(Self.applicationName, [BookRide(payments: CountingPayments())]) {
            [Completionist($0)]
        }
    }
}
