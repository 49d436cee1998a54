import RocketRides

/// How long a ride takes from when it is asked for, at half of the rate that there can be; by hand, at half of its own.
struct RideLatency: Scenario {
    let name = "latency"

    func run(in lab: Lab) async throws -> [Row] {
        let (payments, riders) = (CountingPayments(), try Riders())
        return try await lab.withDatabase(name, RideTables.schema, HandwrittenRides.schema) { database in
            try await database.withOrchestrator([BookRide(payments: payments)]) { orchestrator in
                let book: @Sendable (Int) async throws -> Void = { try await riders.book($0, through: orchestrator) }
                let most = try await lab.alternate(
                    on: database, rounds: 1,
                    [
                        { try await ClosedLoop(inFlight: Lab.connections).run(seconds: $0, book) },
                        { try await Self.byHand($0, on: database) },
                    ])
                let half = (ours: most[0].rate / 2, byHand: most[1].rate / 2)
                let (ours, byHand) = try await lab.alternate(on: database) { seconds in
                    try await OpenLoop(rate: half.ours).run(seconds: seconds, book)
                } yardstick: { seconds in
                    try await Self.byHand(seconds, rate: half.byHand, on: database)
                }
                let problems =
                    try await RideTables.problems(of: most[0] + ours, payments, on: database)
                    + (most[1] + byHand).problems
                    + database.differences(from: most[1].done + byHand.done, HandwrittenRides.counts)
                return [0.5, 0.95, 0.99].map { share in
                    Row(
                        "ride at half load, p\(Int(share * 100))", "ms", ours: ours.milliseconds.percentile(share),
                        yardstick: byHand.milliseconds.percentile(share), problems: problems)
                }
            }
        }
    }

    private static func byHand(_ seconds: Int, rate: Double? = nil, on database: Database) async throws -> Measurement {
        try await database.pgbench.run(
            HandwrittenRides.statements, clients: HandwrittenRides.clients, seconds: seconds, rate: rate)
    }
}
