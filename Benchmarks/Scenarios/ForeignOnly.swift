import Waymark
import WaymarkEngine

/// A saga of one foreign call, against what that is by hand: the key's row inserted before the call, and updated with the
/// answer after it.
struct ForeignOnly: Scenario {
    let name = "call"

    func run(in lab: Lab) async throws -> [Row] {
        let scope = try Scope("user:1")
        return try await lab.withDatabase(name, HandwrittenRides.schema) { database in
            try await database.withOrchestrator([Notify()]) { orchestrator in
                let loop = ClosedLoop(inFlight: Lab.connections)
                let (ours, byHand) = try await lab.alternate(on: database) { seconds in
                    try await loop.run(seconds: seconds) { _ in
                        try await orchestrator.run(Notify.self, key: .fresh(), scope: scope, request: Notice())
                            .requireFinished()
                    }
                } yardstick: { seconds in
                    try await database.pgbench.run(
                        HandwrittenKeys.callOnly, clients: HandwrittenRides.clients, seconds: seconds)
                }
                let problems =
                    try await ours.problems + byHand.problems
                    + database.differences(
                        from: ours.done,
                        ["keys finished": "SELECT count(*) FROM waymark.keys WHERE done AND response_status = 200"])
                    + database.differences(
                        from: byHand.done, ["hand-written keys finished": HandwrittenKeys.finished])
                return [
                    Row(
                        "one foreign call, 16 in flight", "calls/s", ours: ours.rate, yardstick: byHand.rate,
                        problems: problems)
                ]
            }
        }
    }
}
