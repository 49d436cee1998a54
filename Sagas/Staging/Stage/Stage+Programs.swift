import Foundation
import Subprocess

#if canImport(System)
import System
#else
import SystemPackage
#endif

extension Stage {
    /// More than `waymark migrate` or `pg_dump` ever say.
    static let outputLimitBytes = 1 << 20
    /// How far below the products a bundle of tests has its executable, and more.
    private static let bundleDepth = 5

    /// The payment service, the bank and the mail service.
    func makeSandbox() throws -> Program {
        let arguments = [
            "--port", "0", "--port-file", portFile("sandbox"), "--ledger", scratch.file("ledger"), "--seed", "\(seed)",
        ]
        return Program(
            name: "sandbox", executable: try Self.executable("sandbox"), arguments: arguments + cast.sandboxFaults,
            environment: [:], logFile: scratch.file("sandbox.log"))
    }

    /// One of the front doors.
    func makeOrchestrator(_ name: String) async throws -> Program {
        try await makeProgram(
            name,
            ["orchestrator", "--port", "0", "--port-file", portFile(name), "--lease-seconds", "\(cast.leaseSeconds)"])
    }

    /// - Parameter name: a completionist, the reaper or the drain.
    func makeHelper(_ name: String) async throws -> Program {
        let command = String(name.prefix { $0 != "-" })
        // A drain's lease also bounds one delivery.
        let leases = ["completionist": cast.leaseSeconds, "drain": 2 * cast.leaseSeconds]
        let lease = leases[command].map { ["--lease-seconds", "\($0)"] } ?? []
        return try await makeProgram(name, [command] + lease)
    }

    /// A subcommand of `waymark`, with its surroundings in the environment.
    private func makeProgram(_ name: String, _ arguments: [String]) async throws -> Program {
        let surroundings = try await cast.route(name, try surroundings)
        return Program(
            name: name, executable: try Self.executable("waymark"), arguments: arguments,
            environment: environment(surroundings), logFile: scratch.file("\(name).log"))
    }

    /// What Waymark's processes find their surroundings by.
    private func environment(_ surroundings: Surroundings) -> [Environment.Key: String?] {
        var environment = environment(surroundings.connectionString)
        let url = surroundings.sandbox.absoluteString
        for name in ["STRIPE_API_BASE", "MAIL_API_BASE", "BANK_URL"] {
            environment[Environment.Key(stringLiteral: name)] = url
        }
        environment["STRIPE_API_KEY"] = "sk_test_demo"
        for (name, value) in cast.settings { environment[Environment.Key(stringLiteral: name)] = value }
        return environment
    }

    private func environment(_ connectionString: String) -> [Environment.Key: String?] {
        var environment: [Environment.Key: String?] = ["WAYMARK_DATABASE_URL": connectionString]
        // Settings of the user's own PostgreSQL must not reach into this one.
        for name in ["PGOPTIONS", "PGSERVICE", "PGSSLMODE", "PGTARGETSESSIONATTRS", "PGAPPNAME"] {
            environment[Environment.Key(stringLiteral: name)] = .some(nil)
        }
        return environment
    }

    /// Makes Waymark's tables and the sagas'.
    func migrate() async throws {
        let result = try await Subprocess.run(
            .path(FilePath(try Self.executable("waymark"))), arguments: ["migrate"],
            environment: .inherit.updating(environment(try connectionString)),
            output: .string(limit: Self.outputLimitBytes), error: .combinedWithOutput)
        guard result.terminationStatus.isSuccess else {
            throw StagingError("`waymark migrate` ended with \(result.terminationStatus): \(result.standardOutput)")
        }
    }

    /// The path of another product of this package: it is where we are ourselves, or above the bundle of the tests.
    private static func executable(_ name: String) throws -> String {
        let own = Bundle.main.executableURL ?? URL(fileURLWithPath: CommandLine.arguments[0])
        var folder = own.resolvingSymlinksInPath().deletingLastPathComponent()
        for _ in 0..<bundleDepth {
            let path = folder.appendingPathComponent(name).path
            var isFolder: ObjCBool = false
            if FileManager.default.fileExists(atPath: path, isDirectory: &isFolder), !isFolder.boolValue { return path }
            folder.deleteLastPathComponent()
        }
        throw StagingError("There is no \(name) beside \(own.path): `swift build --product \(name)` first.")
    }
}
