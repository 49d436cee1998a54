import Foundation
import PostgresPQ
import RocketRides
import Waymark
import WaymarkEngine
import WaymarkTesting

/// Asking again over HTTP for a ride that is booked, against reading such a row by its primary key.
struct HTTPReplays: Scenario {
    let name = "http-replay"

    func run(in lab: Lab) async throws -> [Row] {
        let riders = try Riders()
        return try await lab.withDatabase(name, RideTables.schema) { database in
            try await database.withOrchestrator([BookRide(payments: CountingPayments())]) { orchestrator in
                try await Replays.fill { number in
                    let rider = number % Riders.count
                    try await orchestrator.run(
                        BookRide.self, key: IdempotencyKey("key-\(number)"), scope: riders.scopes[rider],
                        request: riders.requests[rider]
                    ).requireFinished()
                }
            }
            try await Replays.copy(in: database)
            let before = try await database.digestOfKeys()
            let server = try await TestProcess.with(
                ChildProcess.executable, ["serve"] + TestProcess.anyPort, database: database.connectionString
            ) { process in
                let wrk = Wrk(base: "http://127.0.0.1:\(try await process.port())", riders: riders)
                return try await lab.alternate(on: database) { seconds in
                    try await wrk.run(
                        .known(Replays.keys), connections: Lab.connections, seconds: seconds)
                } yardstick: { seconds in
                    try await database.pgbench.run(
                        HandwrittenKeys.select(of: Replays.keys), clients: HandwrittenRides.clients, seconds: seconds)
                }
            }
            let (http, byHand) = server.result
            var problems = http.problems + byHand.problems
            if try await database.digestOfKeys() != before { problems.append("a replay changed a key") }
            return [
                Row(
                    "HTTP replay, 16 connections", "replays/s", ours: http.rate, yardstick: byHand.rate,
                    target: .atLeast(0.5), problems: problems)
            ]
        }
    }
}
