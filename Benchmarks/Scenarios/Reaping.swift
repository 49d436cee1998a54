import RocketRides
import Waymark
import WaymarkEngine

/// Removing expired keys: how fast, and what it costs the rides at the same time.
struct Reaping: Scenario {
    let name = "reaper"

    func run(in lab: Lab) async throws -> [Row] {
        let (payments, riders) = (CountingPayments(), try Riders())
        return try await lab.withDatabase(name, RideTables.schema) { database in
            try await database.withOrchestrator([BookRide(payments: payments), Notify()]) { orchestrator in
                try await orchestrator.run(
                    Notify.self, key: .fresh(), scope: Scope("user:1"), request: Notice()
                ).requireFinished()
                let reaper = Reaper(postgres: database.postgres, logger: Lab.silent)
                let pace = try await Self.pace(of: reaper, keys: lab.plan.reaped, on: database)
                let loop = ClosedLoop(inFlight: Lab.connections)
                let book: @Sendable (Int) async throws -> Void = { try await riders.book($0, through: orchestrator) }
                let (with, without) = try await lab.alternate(on: database) { seconds in
                    // More than there is time for: it takes its share of it, and a small table's rows faster than a large one's.
                    try await PreparedKeys.copyFinished(
                        Int(pace * Double(seconds) * Reaper.Configuration().pace.share * 3), isExpired: true,
                        in: database)
                    let measurement = try await Self.beside(reaper) { try await loop.run(seconds: seconds, book) }
                    if try await database.number("SELECT count(*) FROM waymark.keys WHERE expires_at <= now()") == 0 {
                        throw UnexpectedAnswer(description: "every key was reaped before the measurement was over")
                    }
                    return measurement
                } yardstick: { seconds in
                    // What is left over is not this side's.
                    while try await reaper.runOnce() > 0 {}
                    return try await loop.run(seconds: seconds, book)
                }
                let rides = with + without
                var problems = rides.problems
                if payments.charges != rides.done {
                    problems.append("charges: \(payments.charges) instead of \(rides.done)")
                }
                problems += try await database.differences(
                    from: rides.done + 1, ["keys left": "SELECT count(*) FROM waymark.keys WHERE done"])
                return [
                    Row("keys reaped, nothing else to do", "keys/s", ours: pace, problems: problems),
                    Row(
                        "ride while keys are reaped, to without", "rides/s", ours: with.rate, yardstick: without.rate,
                        target: .atLeast(0.9), problems: problems),
                ]
            }
        }
    }

    /// Keys a second.
    private static func pace(of reaper: Reaper, keys: Int, on database: Database) async throws -> Double {
        try await PreparedKeys.copyFinished(keys, isExpired: true, in: database)
        try await database.checkpoint()
        let start = ContinuousClock.now
        var reaped = 0
        while true {
            let batch = try await reaper.runOnce()
            if batch == 0 { break }
            reaped += batch
        }
        let rate = Double(reaped) / (start.duration(to: .now) / .seconds(1))
        guard reaped == keys else { throw UnexpectedAnswer(description: "\(reaped) of \(keys) keys were reaped") }
        return rate
    }

    /// Measures `body` while the reaper runs as it does in production.
    private static func beside(
        _ reaper: Reaper, _ body: @escaping @Sendable () async throws -> Measurement
    ) async throws -> Measurement {
        try await withThrowingTaskGroup(of: Void.self) { group in
            defer { group.cancelAll() }
            group.addTask { try await reaper.run() }
            return try await body()
        }
    }
}
