import Foundation
import WaymarkTesting

/// The memory of a process with ten thousand rides that wait for their charge.
struct MemoryInFlight: Scenario {
    static let rides = 10_000
    /// For an acceptance of each.
    private static let patience = Duration.seconds(120)

    let name = "memory"

    func run(in lab: Lab) async throws -> [Row] {
        try await lab.withDatabase(name, RideTables.schema) { database in
            let arguments = ["hold", "--in-flight", "\(Self.rides)"]
            let process = try await TestProcess.with(
                ChildProcess.executable, arguments, database: database.connectionString
            ) { process in
                try await eventually("\(Self.rides) rides wait for their charge", within: Self.patience) {
                    try await database.number(
                        "SELECT count(*) FROM waymark.keys WHERE recovery_point = 'ride_created'")
                        == Double(Self.rides)
                }
                let megabytes = try Self.residentMegabytes(of: process.pid)
                // What it waits for does not come, so it would be told to stop in vain.
                process.send(SIGKILL)
                return megabytes
            }
            let problems = try await database.differences(
                from: Self.rides,
                ["rides held": "SELECT count(*) FROM waymark.keys WHERE locked_by IS NOT NULL AND attempts = 1"])
            return [
                Row(
                    "resident set, 10000 rides in flight", "MB", ours: process.result, target: .atMost(150),
                    problems: problems)
            ]
        }
    }

    /// - Throws: `UnexpectedAnswer` where the system does not tell.
    private static func residentMegabytes(of process: Int32) throws -> Double {
        let status = try String(contentsOfFile: "/proc/\(process)/status", encoding: .utf8)
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") }
        guard let kilobytes = line?.split(whereSeparator: \.isWhitespace).dropFirst().first.flatMap({ Double($0) })
        else {
            throw UnexpectedAnswer(description: "the system does not say how much memory a process has")
        }
        return kilobytes * 1024 / 1_000_000
    }
}
