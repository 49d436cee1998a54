import RocketRides
import Waymark
import WaymarkEngine

extension Riders {
    /// Books a ride of the demo's saga.
    /// - Parameter number: chooses the rider.
    /// - Throws: `UnexpectedAnswer` unless it is booked for the first time.
    func book(_ number: Int, through orchestrator: Orchestrator) async throws {
        let rider = number % Self.count
        try await orchestrator.run(
            BookRide.self, key: .fresh(), scope: scopes[rider], request: requests[rider]
        ).requireFinished()
    }

    /// Books a ride whose phases wait for the database.
    func bookInteractively(_ number: Int, through orchestrator: Orchestrator) async throws {
        let rider = number % Self.count
        try await orchestrator.run(
            InteractiveRide.self, key: .fresh(), scope: scopes[rider], request: orders[rider]
        ).requireFinished()
    }
}
