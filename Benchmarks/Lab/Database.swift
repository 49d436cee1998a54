import PostgresPQ
import Waymark
import WaymarkEngine

/// A scenario's own database.
struct Database: Sendable {
    let connectionString: String
    /// For preparations and checks.
    let postgres: PostgresClient
    let pgbench: PgBench

    /// Runs an engine in this process for the length of `body`, on connections of its own: when they are closed, the server
    /// has counted all that they did.
    func withOrchestrator<Result: Sendable>(
        _ sagas: [any Saga], _ body: @Sendable (Orchestrator) async throws -> Result
    ) async throws -> Result {
        try await Self.withClient(postgres.configuration) { postgres in
            let orchestrator = Orchestrator(postgres: postgres, sagas: try SagaRegistry(sagas), logger: Lab.silent)
            return try await withThrowingTaskGroup(of: Void.self) { group in
                defer { group.cancelAll() }
                group.addTask { try await orchestrator.run() }
                return try await body(orchestrator)
            }
        }
    }

    /// Runs a pool for the length of `body`.
    static func withClient<Result: Sendable>(
        _ configuration: PostgresClient.Configuration, _ body: @Sendable (PostgresClient) async throws -> Result
    ) async throws -> Result {
        let client = PostgresClient(configuration: configuration, logger: Lab.silent)
        return try await withThrowingTaskGroup(of: Void.self) { group in
            defer { group.cancelAll() }
            group.addTask { try await client.run() }
            return try await body(client)
        }
    }

    /// So that no measurement pays for what the one before has written.
    func checkpoint() async throws { try await postgres.execute("CHECKPOINT") }

    /// The only number of a query's only row.
    func number(_ sql: String) async throws -> Double {
        let rows = try await postgres.query(PostgresQuery(unsafeSQL: "SELECT (\(sql))::float8"))
        return try rows.decode(Double?.self).first.flatMap(\.self) ?? .nan
    }

    /// Compares what is in the database with what it should be.
    /// - Parameter counts: queries for a number, by what they count.
    /// - Returns: A sentence for each that is not `expected`.
    func differences(from expected: Int, _ counts: [String: String]) async throws -> [String] {
        var problems: [String] = []
        for (what, sql) in counts.sorted(by: { $0.key < $1.key }) {
            let found = try await number(sql)
            if found != Double(expected) { problems.append("\(what): \(Int(found)) instead of \(expected)") }
        }
        return problems
    }

    /// Of every column of every key: whatever is written to one changes it.
    func digestOfKeys() async throws -> String? {
        try await postgres.query("SELECT md5(string_agg(k::text, ';' ORDER BY id)) FROM waymark.keys AS k")
            .decode(String?.self).first.flatMap(\.self)
    }
}
