import Waymark
import WaymarkEngine

/// Accepting a request, and nothing more: of a saga that first sleeps for an hour. Against inserting the row of such a key.
struct AcceptOnly: Scenario {
    let name = "accept"

    func run(in lab: Lab) async throws -> [Row] {
        let scope = try Scope("user:1")
        return try await lab.withDatabase(name) { database in
            try await database.withOrchestrator([Nap()]) { orchestrator in
                let loop = ClosedLoop(inFlight: Lab.connections)
                let (ours, byHand) = try await lab.alternate(on: database) { seconds in
                    try await loop.run(seconds: seconds) { _ in
                        try await orchestrator.run(Nap.self, key: .fresh(), scope: scope, request: Notice())
                            .requireWaiting()
                    }
                } yardstick: { seconds in
                    try await database.pgbench.run(
                        HandwrittenKeys.accept, clients: HandwrittenRides.clients, seconds: seconds)
                }
                let asleep = "saga = 'nap' AND recovery_point = 'woken:asleep' AND NOT done AND locked_by IS NULL"
                let problems =
                    try await ours.problems + byHand.problems
                    + database.differences(
                        from: ours.done, ["keys asleep": "SELECT count(*) FROM waymark.keys WHERE \(asleep)"])
                    + database.differences(
                        from: byHand.done,
                        ["rows inserted": "SELECT count(*) FROM waymark.keys WHERE saga = 'handwritten'"])
                return [
                    Row(
                        "acceptance, 16 in flight", "keys/s", ours: ours.rate, yardstick: byHand.rate,
                        problems: problems)
                ]
            }
        }
    }
}
