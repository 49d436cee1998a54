import Hummingbird
import HummingbirdTesting
import Logging
import PostgresPQ
import PrivatePostgres
import Testing
import WaymarkEngine
import WaymarkTesting

/// What clients and supervisors are told while the database is away, or takes no writes.
@Suite struct OutageTests {
    /// A front door on a server of its own, through a pool that would wait longer than any test.
    private func withDoor(_ body: @escaping @Sendable (Door, PrivateCluster) async throws -> Void) async throws {
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let cluster = try await PrivateCluster.temporary(logger: logger)
        var configuration = PostgresClient.Configuration(
            connection: try PostgresConfiguration(cluster.connectionString))
        configuration.waitTimeout = .seconds(3_600)
        // What a busy machine may take to fork.
        configuration.outageTimeout = .seconds(5)
        let client = PostgresClient(configuration: configuration, logger: logger)
        let running = Task { try await client.run() }
        defer { running.cancel() }
        do {
            _ = try await Migrator(postgres: client).migrate()
            try await Door.with(TestDatabase(url: cluster.connectionString, client: client)) { door in
                try await body(door, cluster)
            }
        } catch {
            try? await cluster.delete()
            throw error
        }
        try await cluster.delete()
    }

    @Test(.timeLimit(.minutes(2))) func aReadOnlyPrimaryIs503AndNotHealthy() async throws {
        try await withDoor { door, cluster in
            #expect(try await door.post(key: "k1").status == .created)
            #expect(try await door.health() == .ok)
            try await cluster.setReadOnly(true)
            try await eventually("the server has heard of it") { try await door.health() == .serviceUnavailable }
            let start = ContinuousClock.now
            for key in ["k2", "k3"] {
                let refused = try await door.post(key: key)
                #expect(refused.status == .serviceUnavailable && refused.headers[.retryAfter] != nil)
            }
            // The engine waits for half a minute where something was accepted. Here nothing is.
            #expect(ContinuousClock.now - start < .seconds(20))
            try await cluster.setReadOnly(false)
            try await eventually("the server has heard of it") { try await door.health() == .ok }
            #expect(try await door.post(key: "k2").status == .created)
        }
    }

    /// The pooled sessions are older than the change, and no health check comes in between.
    @Test(.timeLimit(.minutes(2))) func aWriteThatIsRefusedIsAnsweredAtOnce() async throws {
        try await withDoor { door, cluster in
            #expect(try await door.post(key: "k1").status == .created)
            try await cluster.setReadOnly(true)
            let start = ContinuousClock.now
            try await eventually("the server has heard of it") {
                try await door.post(key: "k\(Int.random(in: 2...1_000_000))").status == .serviceUnavailable
            }
            #expect(ContinuousClock.now - start < .seconds(20))
            #expect(try await door.health() == .serviceUnavailable)
        }
    }

    @Test(.timeLimit(.minutes(2))) func anOutageIsToldAtOnceAndSoIsItsEnd() async throws {
        try await withDoor { door, cluster in
            #expect(try await door.post(key: "k1").status == .created)
            try await cluster.stop(.immediate)
            for number in 0..<20 {
                let refused = try await door.post(key: "away-\(number)")
                #expect(refused.status == .serviceUnavailable && refused.headers[.retryAfter] != nil)
            }
            #expect(try await door.health() == .serviceUnavailable)
            try await cluster.start()
            // The very first.
            #expect(try await door.post(key: "away-0").status == .created)
            #expect(try await door.health() == .ok)
        }
    }

    /// A connection that broke while nobody used it says nothing about the database.
    @Test(.timeLimit(.minutes(2))) func aHealthCheckIsNotAboutTheConnectionThatItMeets() async throws {
        try await TestDatabase.with { database in
            let proxy = try await FaultProxy.start(upstream: database.upstream)
            try await withPostgres(database.url(through: proxy)) { client in
                try await Door.with(TestDatabase(url: database.url, client: client)) { door async throws in
                    for _ in 0..<20 {
                        #expect(try await door.health() == .ok)
                        proxy.resetAll()
                    }
                }
            }
            await proxy.stop()
        }
    }
}

extension Door {
    fileprivate func health() async throws -> HTTPResponse.Status {
        try await client.execute(uri: "/health", method: .get).status
    }
}

extension PrivateCluster {
    fileprivate func setReadOnly(_ isReadOnly: Bool) async throws {
        var settings = try PostgresConfiguration("\(connectionString) options='-c default_transaction_read_only=off'")
        settings.applicationName = "test"
        let connection = try await PostgresConnection.connect(settings)
        try await connection.execute(
            PostgresQuery(unsafeSQL: "ALTER SYSTEM SET default_transaction_read_only = \(isReadOnly)"))
        try await connection.execute("SELECT pg_reload_conf()")
        await connection.close()
    }
}
