/// A ride whose phases wait for each answer, against the same by hand, statement by statement: 16 in flight, 16 clients.
struct InteractiveRides: Scenario {
    let name = "ride"

    func run(in lab: Lab) async throws -> [Row] {
        let (payments, riders) = (CountingPayments(), try Riders())
        return try await lab.withDatabase(name, RideTables.schema, HandwrittenRides.schema) { database in
            try await database.withOrchestrator([InteractiveRide(payments: payments)]) { orchestrator in
                let loop = ClosedLoop(inFlight: Lab.connections)
                let (ours, byHand) = try await lab.alternate(on: database) { seconds in
                    try await loop.run(seconds: seconds) {
                        try await riders.bookInteractively($0, through: orchestrator)
                    }
                } yardstick: { seconds in
                    try await database.pgbench.run(
                        HandwrittenRides.statements, clients: HandwrittenRides.clients, seconds: seconds)
                }
                let problems =
                    try await RideTables.problems(of: ours, payments, on: database) + byHand.problems
                    + database.differences(from: byHand.done, HandwrittenRides.counts)
                return [
                    Row(
                        "ride, interactive phases, 16 in flight", "rides/s", ours: ours.rate, yardstick: byHand.rate,
                        target: .atLeast(1.1, stretch: 1.4), problems: problems)
                ]
            }
        }
    }
}
