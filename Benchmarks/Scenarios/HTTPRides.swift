import RocketRides
import WaymarkTesting

/// The demo's ride over HTTP, by a front door in a process of its own, against the same in process.
struct HTTPRides: Scenario {
    /// Of the rate in process with as many in flight.
    static let target = 0.7

    let name = "http"

    func run(in lab: Lab) async throws -> [Row] {
        let (payments, riders) = (CountingPayments(), try Riders())
        return try await lab.withDatabase(name, RideTables.schema) { database in
            try await database.withOrchestrator([BookRide(payments: payments)]) { orchestrator in
                let arguments = ["serve"] + TestProcess.anyPort
                let server = try await TestProcess.with(
                    ChildProcess.executable, arguments, database: database.connectionString
                ) { process in
                    let wrk = Wrk(base: "http://127.0.0.1:\(try await process.port())", riders: riders)
                    let loop = ClosedLoop(inFlight: Lab.connections)
                    let http = lab.plan.connections.map { connections -> Lab.Side in
                        { try await wrk.run(.fresh, connections: connections, seconds: $0) }
                    }
                    return try await lab.alternate(
                        on: database,
                        http + [
                            { try await loop.run(seconds: $0) { try await riders.book($0, through: orchestrator) } }
                        ])
                }
                // wrk hangs up on what is under way at the end of its time; that is finished all the same.
                let cut = lab.plan.connections.reduce(0, +) * (lab.plan.rounds + 1)
                let answered = server.result.reduce(0) { $0 + $1.done }
                let problems = try await Self.problems(from: answered, cut: cut, on: database)
                return Self.rows(lab.plan.connections, server.result, problems)
            }
        }
    }

    /// - Parameter series: one for each number of connections, then the one in process.
    private static func rows(_ connections: [Int], _ series: [Series], _ problems: [String]) -> [Row] {
        zip(connections, series).map { connections, http in
            Row(
                "HTTP ride, \(connections) connections, to 16 in process", "rides/s", ours: http.rate,
                yardstick: series[series.count - 1].rate,
                target: connections == Lab.connections ? .atLeast(target) : nil, problems: problems + http.problems)
        }
    }

    /// Compares the tables with each other, and with what was answered.
    private static func problems(from answered: Int, cut: Int, on database: Database) async throws -> [String] {
        try await eventually("every key is finished") {
            try await database.number("SELECT count(*) FROM waymark.keys WHERE NOT done") == 0
        }
        let keys = Int(try await database.number("SELECT count(*) FROM waymark.keys"))
        let differences = try await database.differences(from: keys, RideTables.counts)
        guard !(answered...answered + cut).contains(keys) else { return differences }
        return differences + ["keys: \(keys), and \(answered) were answered"]
    }
}
