import Waymark
import WaymarkEngine
import WaymarkTesting

/// How many updates of a key's row leave its indexes alone (HOT), of a saga of several phases.
struct HotUpdates: Scenario {
    let name = "hot"

    func run(in lab: Lab) async throws -> [Row] {
        try await lab.withDatabase(name) { database in
            let scope = try Scope("user:1")
            let requests = try await database.withOrchestrator([FivePhases()]) { orchestrator in
                try await ClosedLoop(inFlight: Lab.connections).run(seconds: lab.plan.windowSeconds) { _ in
                    try await orchestrator.run(FivePhases.self, key: .fresh(), scope: scope, request: Notice())
                        .requireFinished()
                }
            }
            let answered = Double(requests.done)
            // A session's counts arrive just after it has ended.
            try await eventually("the server has counted every request") {
                try await database.number(Self.statistic("n_tup_upd")) >= answered * Self.updates
            }
            let updates = try await database.number(Self.statistic("n_tup_upd"))
            // The last update of a key is in the reaper's index, so it cannot be HOT.
            let hot = try await database.number(Self.statistic("n_tup_hot_upd")) / (updates - answered)
            var problems: [String] = []
            if requests.failed > 0 { problems.append("\(requests.failed) requests failed") }
            if updates != answered * Self.updates { problems.append("updates of a key: \(updates / answered)") }
            return [Row("updates of a key that are HOT", "", ours: hot, target: .atLeast(0.95), problems: problems)]
        }
    }

    /// Of each key: it is inserted with the first phase.
    private static let updates = 4.0

    private static func statistic(_ column: String) -> String {
        "SELECT \(column) FROM pg_stat_user_tables WHERE relid = 'waymark.keys'::regclass"
    }
}
