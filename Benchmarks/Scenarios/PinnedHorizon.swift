import PostgresPQ
import RocketRides
import WaymarkEngine

/// Rides while an old transaction keeps vacuum from removing anything, and a completionist looks for work among what is
/// dead.
struct PinnedHorizon: Scenario {
    let name = "pinned"
    let isLong = true

    func run(in lab: Lab) async throws -> [Row] {
        let (payments, riders) = (CountingPayments(), try Riders())
        return try await lab.withDatabase(name, RideTables.schema) { database in
            try await database.withOrchestrator([BookRide(payments: payments)]) { orchestrator in
                let completionist = Completionist(orchestrator)
                return try await withThrowingTaskGroup(of: Void.self) { group in
                    defer { group.cancelAll() }
                    group.addTask { try await completionist.run() }
                    let loop = ClosedLoop(inFlight: Lab.connections)
                    let measure: Lab.Side = { seconds in
                        try await loop.run(seconds: seconds) { try await riders.book($0, through: orchestrator) }
                    }
                    var before = Series()
                    before.append(try await measure(Plan.warmUpSeconds), isWarmUp: true)
                    for _ in 1...lab.plan.rounds { before.append(try await measure(lab.plan.windowSeconds)) }
                    let pinned = try await Self.pinning(database) {
                        var pinned = Series()
                        for round in 1...max(lab.plan.pinSeconds / lab.plan.windowSeconds, 1) {
                            pinned.append(try await measure(lab.plan.windowSeconds))
                            lab.say("  window \(round): \(Int(pinned.rates.last ?? 0))")
                        }
                        return pinned
                    }
                    let end = Array(pinned.rates.suffix(lab.plan.rounds)).median
                    let problems = try await RideTables.problems(of: before + pinned, payments, on: database)
                    return [
                        Row(
                            "ride after \(lab.plan.pinSeconds) s of a pinned horizon, to before", "rides/s", ours: end,
                            yardstick: before.rate, target: .atLeast(0.9), problems: problems)
                    ]
                }
            }
        }
    }

    /// Runs `body` while a transaction is open that has taken its snapshot before.
    private static func pinning(
        _ database: Database, _ body: @Sendable () async throws -> Series
    ) async throws -> Series {
        var configuration = database.postgres.configuration
        configuration.maximumConnections = 1
        return try await Database.withClient(configuration) { postgres in
            try await postgres.withTransaction(isolation: .repeatableRead) { transaction in
                _ = try await transaction.query("SELECT count(*) FROM waymark.keys WHERE NOT done")
                return try await body()
            }
        }
    }
}
