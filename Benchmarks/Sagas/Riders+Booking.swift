import RocketRides
import Waymark
import WaymarkEngine

extension Riders {
    /// Books a ride of the demo's saga.
    /// - Parameter number: chooses the rider.
    /// - Throws: `UnexpectedAnswer` unless it is booked for the first time.
    func book(_ number: Int, through orchestrator: Orchestrator) async throws {
        try await run(BookRide.self, requests, number, through: orchestrator)
    }

    /// Books a ride whose phases wait for the database.
    func bookInteractively(_ number: Int, through orchestrator: Orchestrator) async throws {
        try await run(InteractiveRide.self, orders, number, through: orchestrator)
    }

    private func run<S: Saga>(
        _ saga: S.Type, _ requests: [S.Request], _ number: Int, through orchestrator: Orchestrator
    ) async throws {
        let rider = number % Self.count
        try await orchestrator.run(
            saga, key: .fresh(), scope: scopes[rider], request: requests[rider]
        ).requireFinished()
    }
}
