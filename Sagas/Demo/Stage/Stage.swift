import Foundation
import Logging
import PrivatePostgres

/// Everything that runs: PostgreSQL, the sandbox and Waymark's processes. All of them real, all of them ours.
actor Stage {
    static let orchestrators = 2
    static let database = "rides"
    /// A dead orchestrator's rides are taken over after this long: short, for a demo of it.
    static let leaseSeconds = 2.0
    /// How long a process may take to say its port.
    private static let portPatience = Duration.seconds(30)

    /// Where the logs, the ports and the ledger go.
    nonisolated let scratch: Scratch
    /// The orchestrators' current addresses, for the clients.
    nonisolated let servers = ServerRegistry()
    let seed: UInt64
    let screen: Screen
    /// The private PostgreSQL, once it runs.
    private(set) var cluster: PrivateCluster?
    /// Where the payment and mail service listens, once it runs.
    private(set) var sandboxURL: URL?
    var sandbox: Program?
    var orchestrators: [Program] = []
    /// The completionist, the reaper and the drain.
    var helpers: [Program] = []

    init(scratch: Scratch, seed: UInt64, screen: Screen) {
        self.scratch = scratch
        self.seed = seed
        self.screen = screen
    }

    /// What libpq needs to connect to the rides' database.
    var connectionString: String {
        get throws {
            guard let cluster else { throw DemoError("PostgreSQL has not been started.") }
            return cluster.connectionString(database: Self.database)
        }
    }

    /// Starts everything, in the order in which it needs each other.
    /// - Throws: `DemoError`, `PrivatePostgresError`.
    func setUp() async throws {
        // Throw-away, but as durable as any: it will be stopped in the middle of its work.
        let cluster = try await PrivateCluster.temporary(
            settings: ["fsync": "on", "full_page_writes": "on"], logger: Self.silent)
        self.cluster = cluster
        try await cluster.createDatabase(Self.database)
        try await migrate()
        let sandbox = try makeSandbox()
        self.sandbox = sandbox
        sandboxURL = try await start(sandbox, portFile: scratch.file("sandbox.port"))
        orchestrators = try (1...Self.orchestrators).map(makeOrchestrator)
        helpers = try ["completionist", "reaper", "drain"].map(makeHelper)
        for helper in helpers { await helper.start() }
        for number in 1...Self.orchestrators { try await startOrchestrator(number) }
    }

    /// Starts an orchestrator, and tells everybody its new port.
    func startOrchestrator(_ number: Int) async throws {
        let file = portFile(number)
        let url = try await start(orchestrators[number - 1], portFile: file)
        servers.set(url, for: number)
    }

    /// Where an orchestrator writes its port.
    func portFile(_ number: Int) -> String { scratch.file("orchestrator-\(number).port") }

    /// Starts a program and waits until it has written its port.
    /// - Throws: `DemoError` when it ends or says nothing for too long.
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
            try await Task.sleep(for: .milliseconds(10))
        }
        let reason = await program.accidents.last ?? "It said no port within \(Self.portPatience)."
        throw DemoError("The \(program.name) did not start. \(reason)")
    }

    /// Nobody wants to read how a throw-away server comes and goes; its errors say enough.
    static let silent = Logger(label: "demo", factory: { _ in SwiftLogNoOpLogHandler() })
}
