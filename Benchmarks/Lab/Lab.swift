import Logging
import PostgresPQ
import PrivatePostgres
import WaymarkEngine

/// Where scenarios measure: a private PostgreSQL, and how long.
struct Lab: Sendable {
    /// Both sides run on the same server. It keeps what it acknowledged, as one in production does.
    static let settings = [
        "fsync": "on", "full_page_writes": "on", "synchronous_commit": "on",
        // Enough for everything but the long run's tables, and for no checkpoint within a measurement.
        "shared_buffers": "512MB", "max_wal_size": "8GB", "checkpoint_timeout": "30min",
        // Off unless a scenario's database switches it on.
        "shared_preload_libraries": "pg_stat_statements", "pg_stat_statements.track": "none",
        "max_connections": "300",
    ]
    /// What is said of the server in reports.
    static let told = [
        "server_version", "fsync", "synchronous_commit", "full_page_writes", "shared_buffers", "max_wal_size",
        "wal_compression",
    ]
    /// Ours and pgbench's clients alike, where a scenario says nothing else.
    static let connections = 16

    let cluster: PrivateCluster
    let plan: Plan
    /// Is told what is being done.
    let say: @Sendable (String) -> Void

    /// Lends a fresh database with Waymark's tables, and drops it.
    /// - Parameters:
    ///   - scripts: SQL for further tables.
    ///   - countsStatements: whether the server is to keep the times of its statements, in `pg_stat_statements`.
    func withDatabase<Result: Sendable>(
        _ name: String, _ scripts: String..., countsStatements: Bool = false,
        body: @Sendable (Database) async throws -> Result
    ) async throws -> Result {
        try await cluster.createDatabase(name)
        do {
            if countsStatements { try await countStatements(of: name) }
            let result = try await connected(to: name) { database in
                try await Migrator(postgres: database.postgres, logger: Self.silent).migrate()
                for script in scripts { try await database.postgres.executeScript(script) }
                return try await body(database)
            }
            try await cluster.dropDatabase(name)
            return result
        } catch {
            // The first error counts; the server goes with the run anyway.
            try? await cluster.dropDatabase(name)
            throw error
        }
    }

    /// Counts for connections that are opened from now on.
    private func countStatements(of name: String) async throws {
        try await connected(to: name) { database in
            try await database.postgres.executeScript(
                "CREATE EXTENSION pg_stat_statements; ALTER DATABASE \(name) SET pg_stat_statements.track = 'top'")
        }
    }

    /// The server's settings, as the server gives them.
    func settings() async throws -> [String: String] {
        try await connected(to: "postgres") { database in
            let names = Self.told
            let rows = try await database.postgres.query(
                "SELECT name, current_setting(name) FROM pg_settings WHERE name = ANY(\(names))")
            return Dictionary(uniqueKeysWithValues: try rows.decode((String, String).self))
        }
    }

    /// Warnings are ours to see in the results; a log line for each would be part of what is measured.
    static let silent = Logger(label: "bench") { _ in SwiftLogNoOpLogHandler() }

    /// One side of a comparison: measures for so many seconds.
    typealias Side = @Sendable (_ seconds: Int) async throws -> Measurement

    /// Measures ours and the yardstick in turn, after a warm-up of both; never at the same time.
    func alternate(on database: Database, ours: @escaping Side, yardstick: @escaping Side) async throws
        -> (ours: Series, yardstick: Series)
    {
        let series = try await alternate(on: database, [ours, yardstick])
        return (series[0], series[1])
    }

    /// Measures several things in turn, after a warm-up of each.
    /// - Parameter rounds: the plan's, unless given.
    func alternate(on database: Database, rounds: Int? = nil, _ sides: [Side]) async throws -> [Series] {
        var series = sides.map { _ in Series() }
        for (index, side) in sides.enumerated() {
            series[index].append(try await side(Plan.warmUpSeconds), isWarmUp: true)
        }
        // Of what was prepared and warmed up, none is written out later; within a measurement none is due.
        try await database.checkpoint()
        for round in 1...(rounds ?? plan.rounds) {
            for (index, side) in sides.enumerated() {
                series[index].append(try await side(plan.windowSeconds))
            }
            let rates = series.compactMap { $0.rates.last.map { "\(Int($0))" } }
            say("  round \(round): \(rates.joined(separator: ", "))")
        }
        return series
    }

    private func connected<Result: Sendable>(
        to name: String, _ body: @Sendable (Database) async throws -> Result
    ) async throws -> Result {
        let connectionString = cluster.connectionString(database: name)
        var configuration = PostgresClient.Configuration(connection: try PostgresConfiguration(connectionString))
        configuration.maximumConnections = Self.connections
        let pgbench = PgBench(binaryDirectory: cluster.binaryDirectory, connectionString: connectionString)
        return try await Database.withClient(configuration) { postgres in
            try await body(
                Database(connectionString: connectionString, postgres: postgres, pgbench: pgbench))
        }
    }
}
