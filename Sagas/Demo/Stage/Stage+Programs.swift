import Foundation
import Subprocess

#if canImport(System)
import System
#else
import SystemPackage
#endif

extension Stage {
    /// The faults of the payment and mail service. Delays are there so that something is under way when a process dies.
    static let sandboxFaults = [
        "--delay-ms", "150", "--error-before-rate", "0.03", "--error-after-rate", "0.03", "--drop-rate", "0.02",
        "--decline-rate", "0.05",
    ]
    /// More than `waymark migrate` or `pg_dump` ever say.
    static let outputLimitBytes = 1 << 20

    /// The payment and mail service.
    func makeSandbox() throws -> Program {
        let arguments = [
            "--port", "0", "--port-file", scratch.file("sandbox.port"), "--ledger", scratch.file("ledger"), "--seed",
            "\(seed)",
        ]
        return Program(
            name: "sandbox", executable: try Self.executable("sandbox"), arguments: arguments + Self.sandboxFaults,
            environment: [:], logFile: scratch.file("sandbox.log"))
    }

    /// One of the front doors.
    func makeOrchestrator(_ number: Int) throws -> Program {
        try makeProgram(
            "orchestrator-\(number)",
            [
                "orchestrator", "--port", "0", "--port-file", portFile(number), "--lease-seconds",
                "\(Self.leaseSeconds)",
            ])
    }

    /// - Parameter command: the completionist, the reaper or the drain.
    func makeHelper(_ command: String) throws -> Program {
        // A drain's lease also bounds one delivery.
        let leases = ["completionist": Self.leaseSeconds, "drain": 2 * Self.leaseSeconds]
        let lease = leases[command].map { ["--lease-seconds", "\($0)"] } ?? []
        return try makeProgram(command, [command] + lease)
    }

    /// A subcommand of `waymark`, with its surroundings in the environment.
    private func makeProgram(_ name: String, _ arguments: [String]) throws -> Program {
        Program(
            name: name, executable: try Self.executable("waymark"), arguments: arguments,
            environment: try environment(), logFile: scratch.file("\(name).log"))
    }

    /// What Waymark's processes find their surroundings by.
    private func environment() throws -> [Environment.Key: String?] {
        var environment: [Environment.Key: String?] = ["WAYMARK_DATABASE_URL": try connectionString]
        // Settings of the user's own PostgreSQL must not reach into this one.
        for name in ["PGOPTIONS", "PGSERVICE", "PGSSLMODE", "PGTARGETSESSIONATTRS", "PGAPPNAME"] {
            environment[Environment.Key(stringLiteral: name)] = .some(nil)
        }
        if let url = sandboxURL?.absoluteString {
            environment["STRIPE_API_BASE"] = url
            environment["STRIPE_API_KEY"] = "sk_test_demo"
            environment["MAIL_API_BASE"] = url
        }
        return environment
    }

    /// Makes Waymark's tables and the rides'.
    func migrate() async throws {
        let result = try await Subprocess.run(
            .path(FilePath(try Self.executable("waymark"))), arguments: ["migrate"],
            environment: .inherit.updating(try environment()), output: .string(limit: Self.outputLimitBytes),
            error: .combinedWithOutput)
        guard result.terminationStatus.isSuccess else {
            throw DemoError("`waymark migrate` ended with \(result.terminationStatus): \(result.standardOutput)")
        }
    }

    /// The path of another product of this package: it is where the demo itself is.
    private static func executable(_ name: String) throws -> String {
        let own = Bundle.main.executableURL ?? URL(fileURLWithPath: CommandLine.arguments[0])
        let path = own.resolvingSymlinksInPath().deletingLastPathComponent().appendingPathComponent(name).path
        guard FileManager.default.isExecutableFile(atPath: path) else {
            throw DemoError("There is no \(path): run scripts/demo, or `swift build --product \(name)`, first.")
        }
        return path
    }
}
