import Foundation
import PostgresPQ
import ServiceLifecycle
import UnixSignals
import Waymark
import WaymarkEngine

/// What the modes of this executable share that scenarios start as processes of their own.
enum ChildProcess {
    /// Our own executable, as `TestProcess` finds it.
    static let executable = "bench"

    /// Runs an engine and what works with it, until SIGTERM. The database is `WAYMARK_DATABASE_URL`.
    /// - Parameter name: what the process calls itself to the server, before its number.
    static func run(
        _ name: String, _ sagas: [any Saga], _ services: (Orchestrator) throws -> [any Service]
    ) async throws {
        let process = ProcessInfo.processInfo
        var connection = try PostgresConfiguration(process.environment["WAYMARK_DATABASE_URL"] ?? "")
        connection.applicationName = "\(name)-\(process.processIdentifier)"
        var pool = PostgresClient.Configuration(connection: connection)
        pool.maximumConnections = Lab.connections
        let postgres = PostgresClient(configuration: pool, logger: Lab.silent)
        let orchestrator = Orchestrator(postgres: postgres, sagas: try SagaRegistry(sagas), logger: Lab.silent)
        let all: [any Service] = [postgres, orchestrator] + (try services(orchestrator))
        let group = ServiceGroup(
            configuration: .init(
                services: all.map { .init(service: $0) }, gracefulShutdownSignals: [.sigterm], logger: Lab.silent))
        try await group.run()
    }
}
