import Foundation
public import Logging
public import PostgresPQ
import PrivatePostgres
import Waymark
import WaymarkEngine

/// A fresh, migrated database for a test, on a throw-away PostgreSQL that the tests of a process share.
///
/// ```swift
/// try await TestDatabase.with { database in
///     let orchestrator = Orchestrator(postgres: database.client, sagas: try SagaRegistry([MySaga()]))
///     …
/// }
/// ```
///
/// The server starts with the first test that asks for it and ends with the process, however that ends. With
/// `WAYMARK_TEST_DATABASE_URL` set, that server is used instead; the role must be allowed to create databases.
public struct TestDatabase: Sendable {
    /// What libpq needs to connect.
    public let url: String
    /// A pool of a few connections, running.
    public let client: PostgresClient
    /// What `now()` gives.
    public let clock: TestClock

    public init(url: String, client: PostgresClient) {
        self.url = url
        self.client = client
        clock = TestClock(client: client)
    }

    /// What libpq needs to connect to the shared server, where test databases are made: for tests of what is not in any
    /// one database. They leave behind there what they make.
    public static var serverURL: String {
        get async throws { try await SharedServer.instance.value.adminURL }
    }

    /// Runs `body` with a database of its own, and drops it.
    /// - Parameters:
    ///   - script: SQL to run after the migrations.
    ///   - connections: the most connections `client` opens. Many tests run at once on one server.
    public static func with<Result: Sendable>(
        script: String? = nil, connections: Int = 6, _ body: @escaping @Sendable (TestDatabase) async throws -> Result
    ) async throws -> Result {
        let server = try await SharedServer.instance.value
        let name = "test_\(UUID().uuidString.prefix(13).lowercased().replacing("-", with: "_"))"
        try await server.administer("CREATE DATABASE \(name) TEMPLATE \(SharedServer.template)")
        try await server.installClock(name)
        do {
            let url = server.url(name)
            let result = try await withPostgres(url, connections: connections) { client in
                if let script { try await client.executeScript(script) }
                return try await body(TestDatabase(url: url, client: client))
            }
            try await server.administer("DROP DATABASE \(name) WITH (FORCE)")
            return result
        } catch {
            try? await server.administer("DROP DATABASE \(name) WITH (FORCE)")
            throw error
        }
    }
}

/// Runs `body` with a pool that is closed afterwards.
/// - Parameter url: what libpq needs to connect.
public func withPostgres<Result: Sendable>(
    _ url: String, connections: Int = 4, preparedStatements: Bool = true, logger: Logger = Logger(label: "postgres"),
    _ body: @escaping @Sendable (PostgresClient) async throws -> Result
) async throws -> Result {
    var connection = try PostgresConfiguration(url)
    connection.preparedStatements = preparedStatements
    var configuration = PostgresClient.Configuration(connection: connection)
    configuration.maximumConnections = connections
    // Long enough for a machine that is busy with other tests.
    configuration.waitTimeout = .seconds(60)
    configuration.outageTimeout = .seconds(60)
    let client = PostgresClient(configuration: configuration, logger: logger)
    return try await withThrowingTaskGroup(of: Void.self) { group in
        defer { group.cancelAll() }
        group.addTask { try await client.run() }
        return try await body(client)
    }
}

/// The server that all tests of this process share.
private struct SharedServer: Sendable {
    static let template = "waymark_template"

    let adminURL: String
    let url: @Sendable (String) -> String

    static let instance = Task { try await start() }

    private static func start() async throws -> SharedServer {
        let server: SharedServer
        if let given = ProcessInfo.processInfo.environment["WAYMARK_TEST_DATABASE_URL"] {
            if given.contains("://") {
                throw ConditionNotMet(
                    description:
                        "WAYMARK_TEST_DATABASE_URL must have libpq's form key=value, so that tests get databases of their own"
                )
            }
            server = SharedServer(adminURL: given) { "\(given) dbname=\($0)" }
        } else {
            let cluster = try await PrivateCluster.temporary(
                settings: ["max_connections": "400"], logger: Logger(label: "waymark.testing"))
            server = SharedServer(adminURL: cluster.connectionString) { cluster.connectionString(database: $0) }
        }
        try await withPostgres(server.adminURL, connections: 1) { client in
            for version in try await client.query("SHOW server_version").decode(String.self) {
                print("tests run against PostgreSQL \(version)")
            }
        }
        try await server.administer("DROP DATABASE IF EXISTS \(template)")
        try await server.administer("CREATE DATABASE \(template)")
        try await server.installClock(template)
        try await withPostgres(server.url(template)) { client in
            try await client.executeScript(TestClock.script)
            _ = try await Migrator(postgres: client).migrate()
        }
        return server
    }

    /// Has the test's clock found before PostgreSQL's own; a template's settings are not copied.
    func installClock(_ database: String) async throws {
        try await administer(
            "ALTER DATABASE \(database) SET search_path = \"$user\", public, \(TestClock.schema), pg_catalog")
    }

    /// Runs a statement that PostgreSQL wants outside of any transaction. Databases cannot be made while another one is
    /// made from the same template: a held-up statement is tried again.
    func administer(_ sql: String) async throws {
        try await withPostgres(adminURL, connections: 1) { client in
            for attempt in 1... {
                do {
                    try await client.execute(PostgresQuery(unsafeSQL: sql))
                    return
                } catch let error as PostgresError where error.sqlState?.rawValue == "55006" && attempt < 100 {
                    try await Task.sleep(for: .milliseconds(20))
                }
            }
        }
    }
}

extension TestDatabase {
    /// Where a `FaultProxy` finds the server, as its address is in `url` (`host` a socket directory or a name).
    public var upstream: FaultProxy.Upstream {
        let host = Self.value(of: "host", in: url) ?? "localhost"
        let port = Self.value(of: "port", in: url) ?? "5432"
        return host.hasPrefix("/") ? .unix("\(host)/.s.PGSQL.\(port)") : .tcp(host: host, port: Int(port) ?? 5432)
    }

    /// What libpq needs to reach this database through `proxy`.
    public func url(through proxy: FaultProxy) -> String {
        "\(url) host=\(proxy.host) port=\(proxy.port) sslmode=disable gssencmode=disable"
    }

    private static func value(of key: String, in url: String) -> String? {
        url.split(separator: " ").last { $0.hasPrefix("\(key)=") }.map { String($0.dropFirst(key.count + 1)) }
    }
}
