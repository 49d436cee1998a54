import ArgumentParser
import Foundation
import Logging
import PostgresPQ
import PrivatePostgres
import Waymark
import WaymarkEngine

/// Which database to work on.
struct DatabaseOptions: ParsableArguments {
    @Option(help: "The database, as libpq takes it: a URL or key/value pairs. Default: $WAYMARK_DATABASE_URL.")
    var databaseURL: String?

    @Option(help: "Where the private PostgreSQL lives when no database is given.")
    var privateCluster = ".waymark"

    @Option(help: "The schema that holds Waymark's tables.")
    var schema = "waymark"

    @Flag(
        inversion: .prefixedNo,
        help: "Use prepared statements; not behind a transaction pooler older than PgBouncer 1.21.")
    var preparedStatements = true

    @Option(help: "The most connections that this process opens.")
    var maximumConnections = 16

    /// Runs `body` with a place to connect to; a private server that had to be started is stopped afterwards.
    func withDatabase<Result>(
        logger: Logger, _ body: (Database) async throws -> Result
    ) async throws -> Result {
        if let url = databaseURL ?? ProcessInfo.processInfo.environment["WAYMARK_DATABASE_URL"] {
            return try await body(try database(url))
        }
        let cluster = try await PrivateCluster.open(at: privateCluster, logger: logger)
        do {
            let result = try await body(try database(cluster.connectionString))
            if cluster.startedHere { try await cluster.stop() }
            return result
        } catch {
            if cluster.startedHere { try? await cluster.stop() }
            throw error
        }
    }

    private func database(_ url: String) throws -> Database {
        var connection = try PostgresConfiguration(url)
        connection.preparedStatements = preparedStatements
        var pool = PostgresClient.Configuration(connection: connection)
        // When it is closed the work is over; what still holds a connection has been left behind.
        pool.shutdownTimeout = .seconds(1)
        pool.maximumConnections = maximumConnections
        return Database(pool: pool, schema: try SchemaName(schema))
    }
}

/// A database to connect to.
struct Database: Sendable {
    let pool: PostgresClient.Configuration
    let schema: SchemaName

    func client(logger: Logger) -> PostgresClient {
        PostgresClient(configuration: pool, logger: logger)
    }

    /// Runs `body` with a client that is stopped afterwards, for commands that look and end.
    func withClient<Result: Sendable>(
        logger: Logger, _ body: @escaping @Sendable (PostgresClient) async throws -> Result
    ) async throws -> Result {
        let client = client(logger: logger)
        return try await withThrowingTaskGroup(of: Void.self) { group in
            defer { group.cancelAll() }
            group.addTask { try await client.run() }
            return try await body(client)
        }
    }
}
