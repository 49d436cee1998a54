import Foundation
import PostgresPQ
import Staging
import Synchronization
import WaymarkTesting

/// The connections of Waymark's processes, each of which goes through a proxy that can cut it.
final class Network: Sendable {
    /// What is at the far end.
    enum System: Sendable, CaseIterable {
        case postgres, sandbox
    }

    /// All connections of one process to one system.
    struct Line: Sendable {
        let program: String
        let system: System
        let proxy: FaultProxy
    }

    private let seed: UInt64
    private let lines = Mutex<[Line]>([])

    init(seed: UInt64) { self.seed = seed }

    /// The lines to a system, or all.
    func lines(to system: System? = nil) -> [Line] {
        lines.withLock { $0.filter { system == nil || $0.system == system } }
    }

    /// Connections that were cut.
    var cuts: Int { lines().reduce(0) { $0 + $1.proxy.counters.cuts } }

    /// Puts a proxy of its own before each system that a process talks to.
    func route(_ program: String, _ direct: Surroundings) async throws -> Surroundings {
        // Lent its address only: nothing is asked of the database here.
        let client = PostgresClient(
            configuration: .init(connection: try PostgresConfiguration(direct.connectionString)))
        let database = TestDatabase(url: direct.connectionString, client: client)
        let postgres = try await start(.postgres, for: program, upstream: database.upstream)
        guard let port = direct.sandbox.port else { throw StagingError("The sandbox has no port.") }
        let sandbox = try await start(.sandbox, for: program, upstream: .tcp(host: "127.0.0.1", port: port))
        guard let url = URL(string: "http://\(sandbox.host):\(sandbox.port)") else {
            throw StagingError("The sandbox's proxy has no address.")
        }
        return Surroundings(connectionString: database.url(through: postgres), sandbox: url)
    }

    /// Ends every connection and proxy.
    func stop() async {
        for line in lines() { await line.proxy.stop() }
    }

    private func start(
        _ system: System, for program: String, upstream: FaultProxy.Upstream
    ) async throws -> FaultProxy {
        let proxy = try await FaultProxy.start(upstream: upstream, seed: seed)
        lines.withLock { $0.append(Line(program: program, system: system, proxy: proxy)) }
        return proxy
    }
}
