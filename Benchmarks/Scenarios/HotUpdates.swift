import RocketRides
import WaymarkTesting

/// How many updates of a key's row leave its indexes alone (HOT), and how many versions of it a ride makes.
struct HotUpdates: Scenario {
    let name = "hot"

    func run(in lab: Lab) async throws -> [Row] {
        let (payments, riders) = (CountingPayments(), try Riders())
        return try await lab.withDatabase(name, RideTables.schema) { database in
            var rides = Series()
            rides.append(
                try await database.withOrchestrator([InteractiveRide(payments: payments)]) { orchestrator in
                    try await ClosedLoop(inFlight: Lab.connections).run(seconds: lab.plan.windowSeconds) {
                        try await riders.bookInteractively($0, through: orchestrator)
                    }
                })
            let answered = rides.done
            // A session's counts arrive just after it has ended.
            try await eventually("the server has counted every ride") {
                try await database.number(Self.statistic("n_tup_ins")) == Double(answered)
            }
            let updates = try await database.number(Self.statistic("n_tup_upd"))
            // The last update of a key is in the reaper's index, so it cannot be HOT.
            let hot = try await database.number(Self.statistic("n_tup_hot_upd")) / (updates - Double(answered))
            let problems = try await RideTables.problems(of: rides, payments, on: database)
            return [
                Row("updates of a key that are HOT", "", ours: hot, target: .atLeast(0.95), problems: problems),
                Row(
                    "row versions a ride leaves behind in waymark.keys", "", ours: updates / Double(answered),
                    problems: problems),
            ]
        }
    }

    private static func statistic(_ column: String) -> String {
        "SELECT \(column) FROM pg_stat_user_tables WHERE relid = 'waymark.keys'::regclass"
    }
}
