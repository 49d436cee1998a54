import RocketRides

/// The demo's ride, 128 in flight, against a ride by hand: statement by statement, and with each transaction a pipeline.
struct CoalescedRides: Scenario {
    static let inFlight = 128

    let name = "coalesced"

    func run(in lab: Lab) async throws -> [Row] {
        let (payments, riders) = (CountingPayments(), try Riders())
        return try await lab.withDatabase(name, RideTables.schema, HandwrittenRides.schema) { database in
            try await database.withOrchestrator([BookRide(payments: payments)]) { orchestrator in
                let loop = ClosedLoop(inFlight: Self.inFlight)
                let series = try await lab.alternate(
                    on: database,
                    [
                        { try await loop.run(seconds: $0) { try await riders.book($0, through: orchestrator) } },
                        { try await Self.byHand(HandwrittenRides.statements, $0, on: database) },
                        { try await Self.byHand(HandwrittenRides.pipelined, $0, on: database) },
                    ])
                let (ours, byHand, pipelined) = (series[0], series[1], series[2])
                let problems =
                    try await RideTables.problems(of: ours, payments, on: database) + byHand.problems
                    + pipelined.problems
                    + database.differences(from: byHand.done + pipelined.done, HandwrittenRides.counts)
                return [
                    Row(
                        "ride, 128 in flight", "rides/s", ours: ours.rate, yardstick: byHand.rate,
                        target: .atLeast(3.5, stretch: 6), problems: problems),
                    Row(
                        "the same, by hand with pipelines", "rides/s", ours: ours.rate, yardstick: pipelined.rate),
                ]
            }
        }
    }

    private static func byHand(_ script: String, _ seconds: Int, on database: Database) async throws -> Measurement {
        try await database.pgbench.run(script, clients: HandwrittenRides.clients, seconds: seconds)
    }
}
