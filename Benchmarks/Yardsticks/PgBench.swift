import Foundation
import Staging
import Subprocess

#if canImport(System)
import System
#else
import SystemPackage
#endif

/// PostgreSQL's own load generator, in C: prepared statements, two threads, each client a connection.
struct PgBench: Sendable {
    static let threads = 2
    /// More than its summary and the complaints of a hundred clients.
    private static let outputLimitBytes = 1 << 20

    /// The folder of PostgreSQL's programs.
    let binaryDirectory: String
    let connectionString: String

    /// Runs a script again and again for `seconds`.
    /// - Parameters:
    ///   - script: in pgbench's language; one run of it is one unit of work.
    ///   - rate: so many runs a second, at random, with the time that each took from when it was due; else as many as there
    ///     can be.
    /// - Throws: `StagingError` with what pgbench said, where it failed; an SQL error ends it.
    func run(_ script: String, clients: Int, seconds: Int, rate: Double? = nil) async throws -> Measurement {
        let scratch = try Scratch("waymark-pgbench")
        defer { scratch.remove() }
        let file = scratch.file("script.sql")
        try Data(script.utf8).write(to: URL(fileURLWithPath: file))
        let log = scratch.file("log")
        let timing = rate.map { ["--rate", "\($0)", "--log", "--log-prefix", log] } ?? []
        let arguments =
            ["-n", "-M", "prepared", "-j", "\(Self.threads)", "-c", "\(clients)", "-T", "\(seconds)", "-f", file]
            + timing + [connectionString]
        let result = try await Subprocess.run(
            .path(FilePath("\(binaryDirectory)/pgbench")), arguments: Arguments(arguments),
            output: .string(limit: Self.outputLimitBytes), error: .combinedWithOutput)
        try Task.checkCancellation()
        let output = result.standardOutput
        guard result.terminationStatus.isSuccess,
            let done = Self.number(in: output, behind: "number of transactions actually processed: "),
            let failed = Self.number(in: output, behind: "number of failed transactions: "),
            let reached = Self.number(in: output, behind: "\ntps = ")
        else { throw StagingError("pgbench ended with \(result.terminationStatus): \(output)") }
        return Measurement(
            rate: reached, done: Int(done), failed: Int(failed), failure: failed > 0 ? "pgbench says so" : nil,
            milliseconds: rate == nil ? [] : try Self.milliseconds(in: scratch))
    }

    /// What pgbench's threads have logged: the third field is the time of a run in microseconds.
    private static func milliseconds(in scratch: Scratch) throws -> [Double] {
        try FileManager.default.contentsOfDirectory(atPath: scratch.path).filter { $0.hasPrefix("log") }.flatMap {
            name in
            try String(contentsOfFile: scratch.file(name), encoding: .utf8).split(separator: "\n").compactMap { line in
                line.split(separator: " ").dropFirst(2).first.flatMap { Double($0) }.map { $0 / 1000 }
            }
        }
    }

    /// The number that follows `label` in pgbench's summary.
    private static func number(in output: String, behind label: String) -> Double? {
        guard let found = output.range(of: label) else { return nil }
        return Double(output[found.upperBound...].prefix { $0.isNumber || $0 == "." })
    }
}
