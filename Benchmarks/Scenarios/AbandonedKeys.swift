import Foundation
import PostgresPQ
import RocketRides
import WaymarkTesting

/// Keys whose holder died, finished by completionists that are processes of their own.
struct AbandonedKeys: Scenario {
    /// Between two looks at who waits for a lock.
    private static let interval = Duration.milliseconds(50)
    /// For what ends in seconds.
    private static let patience = Duration.seconds(600)

    let name = "completionist"

    func run(in lab: Lab) async throws -> [Row] {
        var rows: [Row] = []
        var alone: Double?
        for processes in lab.plan.completionists {
            let (rate, waiting, problems) = try await measure(processes, in: lab)
            rows.append(
                Row(
                    "abandoned rides finished by \(processes) completionist\(processes == 1 ? "" : "s, to 1")",
                    "keys/s",
                    ours: rate, yardstick: alone, problems: problems))
            rows.append(Row("  sessions waiting for a lock, on average", "", ours: waiting))
            alone = alone ?? rate
            lab.say("  \(processes) processes: \(Int(rate))")
        }
        return rows
    }

    private func measure(_ processes: Int, in lab: Lab) async throws -> (Double, Double, [String]) {
        try await lab.withDatabase("\(name)_\(processes)", RideTables.schema) { database in
            try await Self.withCompletionists(processes, on: database) {
                try await Self.ready(processes, on: database)
                let request = String(decoding: try JSONEncoder().encode(try Riders().orders[0]), as: UTF8.self)
                try await PreparedKeys.abandon(lab.plan.keys, saga: "book-ride", request: request, in: database)
                let waiting = try await Self.watch(database)
                // From the first claim to the last answer, by the server's clock: not the pause before the first claim.
                let rate = try await database.number(
                    "SELECT count(*) / extract(epoch FROM max(finished_at) - min(locked_at)) FROM waymark.keys")
                var problems = try await database.differences(from: lab.plan.keys, RideTables.counts)
                // The last three digits count the claims: who accepted it, and one completionist.
                problems += try await database.differences(
                    from: 0,
                    ["keys claimed twice": "SELECT count(*) FROM waymark.keys WHERE fence % 1000 <> 2"])
                return (rate, waiting, problems)
            }
        }
    }

    /// Runs `body` beside so many processes.
    private static func withCompletionists<Result: Sendable>(
        _ count: Int, on database: Database, _ body: @Sendable () async throws -> Result
    ) async throws -> Result {
        guard count > 0 else { return try await body() }
        return try await TestProcess.with(ChildProcess.executable, ["complete"], database: database.connectionString) {
            _ in try await withCompletionists(count - 1, on: database, body)
        }.result
    }

    private static func ready(_ processes: Int, on database: Database) async throws {
        try await eventually("\(processes) completionists are connected") {
            try await database.number(
                """
                SELECT count(DISTINCT application_name) FROM pg_stat_activity
                WHERE application_name LIKE '\(Complete.applicationName)-%'
                """) == Double(processes)
        }
    }

    /// Waits until every key is finished.
    /// - Returns: How many sessions waited for a lock of another, on average.
    private static func watch(_ database: Database) async throws -> Double {
        var waiting: [Double] = []
        let end = ContinuousClock.now + patience
        while try await database.number("SELECT count(*) FROM (SELECT FROM waymark.keys WHERE NOT done LIMIT 1) AS k")
            > 0
        {
            guard .now < end else {
                throw ConditionNotMet(description: "not within \(patience): every key is finished")
            }
            waiting.append(
                try await database.number("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"))
            try await Task.sleep(for: interval)
        }
        return waiting.isEmpty ? 0 : waiting.reduce(0, +) / Double(waiting.count)
    }
}
