import Logging
import PostgresPQ
import PrivatePostgres
import Testing
import WaymarkTesting

/// A database that goes away, comes back, or takes no writes any more.
@Suite struct OutageTests {
    private func withCluster(_ body: (PrivateCluster) async throws -> Void) async throws {
        let cluster = try await PrivateCluster.temporary(
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        do {
            try await body(cluster)
        } catch {
            try? await cluster.delete()
            throw error
        }
        try await cluster.delete()
    }

    /// A pool as processes have it, but for a wait that no test would survive.
    private func withClient(_ url: String, _ body: (PostgresClient) async throws -> Void) async throws {
        try await withTestClient(
            url: url,
            {
                $0.waitTimeout = .seconds(3_600)
                $0.outageTimeout = .seconds(1)
            }, body)
    }

    @Test(.timeLimit(.minutes(2))) func whileTheDatabaseIsKnownToBeAwayNobodyWaits() async throws {
        try await withCluster { cluster in
            try await withClient(cluster.connectionString) { client in
                try await client.execute("SELECT 1")
                try await cluster.stop(.immediate)
                for _ in 0..<50 {
                    let error = await postgresError { try await client.execute("SELECT 1") }
                    #expect(error?.isConnectionLost == true, "\(String(describing: error))")
                }
                try await cluster.start()
                // The very first one, and not once the pool has got over its pause.
                let one = try await client.query("SELECT 1").decode(Int.self)
                #expect(one == [1])
            }
        }
    }

    /// A connection of each pooled session is open when the primary is demoted in place: nothing breaks, and every write is
    /// refused.
    @Test(.timeLimit(.minutes(2))) func sessionsOfAServerThatTakesNoWritesAreGivenUp() async throws {
        try await withCluster { first in
            try await withCluster { second in
                let hosts = "host=\(first.socketDirectory),\(second.socketDirectory) user=postgres dbname=postgres"
                try await withClient(hosts) { client in
                    client.requireWrites()
                    try await first.execute("CREATE TABLE marks (n int8)")
                    try await second.execute("CREATE TABLE marks (n int8)")
                    try await withSixConnections(client) { try await $0.execute("INSERT INTO marks VALUES (1)") }
                    try await first.setReadOnly(true)
                    try await eventually("the session has heard of it, or is gone") {
                        _ = await postgresError { try await client.execute("INSERT INTO marks VALUES (2)") }
                        return try await second.count(2) > 0
                    }
                    try await withSixConnections(client) { try await $0.execute("INSERT INTO marks VALUES (3)") }
                    let counts = [try await first.count(3), try await second.count(3)]
                    #expect(counts == [0, 6], "not one of the old sessions is lent any more")
                    try await first.setReadOnly(false)
                    let isWritable = try await client.takesWrites()
                    #expect(isWritable)
                }
            }
        }
    }

    @Test(.timeLimit(.minutes(2))) func aReadOnlyServerByItselfCountsAsAway() async throws {
        try await withCluster { cluster in
            try await withClient(cluster.connectionString) { client in
                client.requireWrites()
                let isWritable = try await client.takesWrites()
                #expect(isWritable)
                try await cluster.setReadOnly(true)
                try await eventually("no session is to be had") {
                    await postgresError { _ = try await client.takesWrites() }?.code == .connectFailed
                }
                try await cluster.setReadOnly(false)
                try await eventually("it is back as soon as the server has heard of it") {
                    await postgresError { try await client.execute("CREATE TABLE marks (n int8)") } == nil
                }
            }
        }
    }

    /// A phase that makes its own transaction read-only, and then writes, says nothing about the server.
    @Test func aReadOnlyTransactionIsNotTheServers() async throws {
        try await withTestClient({ $0.maximumConnections = 1 }) { client in
            client.requireWrites()
            let pid = try await client.withConnection { $0.backendPID }
            let error = await postgresError {
                _ = try await client.withTransaction(opening: ["SET TRANSACTION READ ONLY"]) { transaction in
                    try await transaction.execute("CREATE TABLE never_made (n int8)")
                }
            }
            #expect(error?.sqlState == .readOnlyTransaction)
            let next = try await client.query("SELECT pg_backend_pid()").decode(Int32.self)
            #expect(next == [pid])
        }
    }

    /// Holds six connections at the same moment.
    private func withSixConnections(
        _ client: PostgresClient, _ body: @escaping @Sendable (PostgresConnection) async throws -> Void
    ) async throws {
        try await client.withConnection { first in
            try await client.withConnection { second in
                try await client.withConnection { third in
                    try await client.withConnection { fourth in
                        try await client.withConnection { fifth in
                            try await client.withConnection { sixth in
                                for connection in [first, second, third, fourth, fifth, sixth] {
                                    try await body(connection)
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

extension PrivateCluster {
    /// Runs a statement on a connection of its own, which takes writes whatever the server's default is.
    fileprivate func execute(_ sql: String) async throws {
        try await withTestConnection(url: "\(connectionString) options='-c default_transaction_read_only=off'") {
            try await $0.execute(PostgresQuery(unsafeSQL: sql))
        }
    }

    fileprivate func setReadOnly(_ isReadOnly: Bool) async throws {
        try await execute("ALTER SYSTEM SET default_transaction_read_only = \(isReadOnly)")
        try await execute("SELECT pg_reload_conf()")
    }

    fileprivate func count(_ mark: Int) async throws -> Int {
        var count = 0
        try await withTestConnection(url: connectionString) {
            count = try await $0.query("SELECT count(*) FROM marks WHERE n = \(mark)").decode(Int.self)[0]
        }
        return count
    }
}
