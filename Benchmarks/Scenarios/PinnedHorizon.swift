import PostgresPQ
import RocketRides
import WaymarkEngine

/// Rides while an old transaction keeps vacuum from removing anything, and a completionist looks for work among what is
/// dead; in turn with the same rides on a database without such a transaction, whose tables grow as much.
struct PinnedHorizon: Scenario {
    let name = "pinned"
    let isLong = true

    func run(in lab: Lab) async throws -> [Row] {
        try await Self.withDesk("pinned", in: lab) { pinned in
            try await Self.withDesk("unpinned", in: lab) { unpinned in
                let sides = [try pinned.side(), try unpinned.side()]
                let before = try await lab.alternate(on: pinned.database, sides)
                let after = try await Self.pinning(pinned.database) {
                    try await lab.alternate(
                        on: pinned.database, rounds: max(lab.plan.pinSeconds / lab.plan.windowSeconds, 1), sides)
                }
                let problems =
                    try await pinned.problems(of: before[0] + after[0])
                    + unpinned.problems(of: before[1] + after[1])
                let ends = after.map { Array($0.rates.suffix(lab.plan.rounds)).median }
                let rides = "ride after \(lab.plan.pinSeconds) s"
                return [
                    Row(
                        "\(rides) of a pinned horizon, to before", "rides/s", ours: ends[0],
                        yardstick: before[0].rate, target: .atLeast(0.9), problems: problems),
                    Row("the same without it", "rides/s", ours: ends[1], yardstick: before[1].rate, problems: problems),
                    Row(
                        "\(rides) of a pinned horizon, to without it", "rides/s", ours: ends[0], yardstick: ends[1],
                        target: .atLeast(0.9), problems: problems),
                ]
            }
        }
    }

    /// Where rides are booked, on a database of their own.
    private struct Desk {
        let database: Database
        let orchestrator: Orchestrator
        let payments: CountingPayments

        func side() throws -> Lab.Side {
            let (loop, riders) = (ClosedLoop(inFlight: Lab.connections), try Riders())
            return { seconds in
                try await loop.run(seconds: seconds) { try await riders.book($0, through: orchestrator) }
            }
        }

        func problems(of rides: Series) async throws -> [String] {
            try await RideTables.problems(of: rides, payments, on: database)
        }
    }

    /// Lends a desk with a completionist beside it.
    private static func withDesk(
        _ name: String, in lab: Lab, _ body: @Sendable (Desk) async throws -> [Row]
    ) async throws -> [Row] {
        let payments = CountingPayments()
        return try await lab.withDatabase(name, RideTables.schema) { database in
            try await database.withOrchestrator([BookRide(payments: payments)]) { orchestrator in
                let completionist = Completionist(orchestrator)
                return try await withThrowingTaskGroup(of: Void.self) { group in
                    defer { group.cancelAll() }
                    group.addTask { try await completionist.run() }
                    return try await body(Desk(database: database, orchestrator: orchestrator, payments: payments))
                }
            }
        }
    }

    /// Runs `body` while a transaction is open that has taken its snapshot before.
    private static func pinning(
        _ database: Database, _ body: @Sendable () async throws -> [Series]
    ) async throws -> [Series] {
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
