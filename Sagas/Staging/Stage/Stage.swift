package import Foundation
package import Logging
package import PrivatePostgres

/// Everything that runs: PostgreSQL, the sandbox and Waymark's processes. All of them real, all of them ours.
package actor Stage {
    /// How long a process may take to say its port: longer than PostgreSQL is ever away.
    private static let portPatience = Duration.seconds(30)
    private static let pollInterval = Duration.milliseconds(10)

    /// Where the logs, the ports and the ledger go.
    package nonisolated let scratch: Scratch
    /// The orchestrators' current addresses, for the clients.
    package nonisolated let servers = ServerRegistry()
    package nonisolated let cast: Cast
    let seed: UInt64
    let complain: @Sendable (String) -> Void
    /// The private PostgreSQL, once it runs.
    package private(set) var cluster: PrivateCluster?
    /// Where the payment and mail service listens, once it runs.
    package private(set) var sandboxURL: URL?
    var sandbox: Program?
    var orchestrators: [Program] = []
    /// The completionists, the reaper and the drain.
    var helpers: [Program] = []

    /// - Parameters:
    ///   - seed: what the sandbox's faults come from.
    ///   - complain: is told what goes wrong while everything is taken down.
    package init(cast: Cast, scratch: Scratch, seed: UInt64, complain: @escaping @Sendable (String) -> Void) {
        self.cast = cast
        self.scratch = scratch
        self.seed = seed
        self.complain = complain
    }

    /// What libpq needs to connect to the database itself.
    package var connectionString: String {
        get throws {
            guard let cluster else { throw StagingError("PostgreSQL has not been started.") }
            return cluster.connectionString(database: cast.database)
        }
    }

    /// Where everything is.
    package var surroundings: Surroundings {
        get throws {
            guard let sandboxURL else { throw StagingError("The sandbox has not been started.") }
            return Surroundings(connectionString: try connectionString, sandbox: sandboxURL)
        }
    }

    /// Starts everything, in the order in which it needs each other.
    /// - Throws: `StagingError`, `PrivatePostgresError`.
    package func setUp() async throws {
        // Throw-away, but as durable as any: it will be stopped in the middle of its work.
        let cluster = try await PrivateCluster.temporary(
            settings: ["fsync": "on", "full_page_writes": "on"], logger: Self.silent)
        self.cluster = cluster
        try await cluster.createDatabase(cast.database)
        try await migrate()
        let sandbox = try makeSandbox()
        self.sandbox = sandbox
        sandboxURL = try await start(sandbox, portFile: portFile("sandbox"))
        for name in cast.orchestratorNames { orchestrators.append(try await makeOrchestrator(name)) }
        for name in cast.helperNames { helpers.append(try await makeHelper(name)) }
        for helper in helpers { await helper.start() }
        for name in cast.orchestratorNames { try await start(name) }
    }

    /// Starts one of Waymark's processes again. Of an orchestrator, waits for its new port, and tells everybody.
    package func start(_ name: String) async throws {
        let program = try program(name)
        guard cast.orchestratorNames.contains(name) else { return await program.start() }
        servers.set(try await start(program, portFile: portFile(name)), for: name)
    }

    /// One of Waymark's processes.
    func program(_ name: String) throws -> Program {
        guard let program = (orchestrators + helpers).first(where: { $0.name == name }) else {
            throw StagingError("There is no \(name).")
        }
        return program
    }

    /// Where a server writes its port.
    func portFile(_ name: String) -> String { scratch.file("\(name).port") }

    /// Starts a program and waits until it has written its port.
    /// - Throws: `StagingError` when it ends or says nothing for too long.
    private func start(_ program: Program, portFile: String) async throws -> URL {
        try? FileManager.default.removeItem(atPath: portFile)
        await program.start()
        let deadline = ContinuousClock.now + Self.portPatience
        while ContinuousClock.now < deadline {
            if let text = try? String(contentsOfFile: portFile, encoding: .utf8),
                let port = Int(text.trimmingCharacters(in: .whitespacesAndNewlines)),
                let url = URL(string: "http://127.0.0.1:\(port)")
            {
                return url
            }
            guard await program.isRunning else { break }
            try await Task.sleep(for: Self.pollInterval)
        }
        let reason = await program.accidents.last ?? "It said no port within \(Self.portPatience)."
        throw StagingError("The \(program.name) did not start. \(reason)")
    }

    /// Nobody wants to read how a throw-away server comes and goes; its errors say enough.
    package static let silent = Logger(label: "stage", factory: { _ in SwiftLogNoOpLogHandler() })
}
