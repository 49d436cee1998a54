import PostgresPQ
import WaymarkTesting

/// Lends a connection of its own to a test.
func withTestConnection(
    url: String? = nil,
    _ change: (inout PostgresConfiguration) -> Void = { _ in },
    _ body: (PostgresConnection) async throws -> Void
) async throws {
    let url = if let url { url } else { try await TestDatabase.serverURL }
    var configuration = try PostgresConfiguration(url)
    change(&configuration)
    let connection = try await PostgresConnection.connect(configuration)
    do {
        try await body(connection)
    } catch {
        await connection.close()
        throw error
    }
    await connection.close()
}

/// A pool's configuration, for the shared server unless another is named.
func testConfiguration(url: String? = nil) async throws -> PostgresClient.Configuration {
    let url = if let url { url } else { try await TestDatabase.serverURL }
    var configuration = PostgresClient.Configuration(connection: try PostgresConfiguration(url))
    // Long enough for a machine that is busy with other tests; those about waiting choose their own.
    configuration.waitTimeout = .seconds(60)
    configuration.outageTimeout = .seconds(60)
    return configuration
}

/// Lends a running pool to a test.
func withTestClient(
    url: String? = nil,
    _ change: (inout PostgresClient.Configuration) -> Void = { _ in },
    _ body: (PostgresClient) async throws -> Void
) async throws {
    var configuration = try await testConfiguration(url: url)
    change(&configuration)
    let client = PostgresClient(configuration: configuration)
    let running = Task { try await client.run() }
    do {
        try await body(client)
    } catch {
        running.cancel()
        throw error
    }
    running.cancel()
    try await running.value
}

/// Lends a test a database of its own, with a proxy in front of it.
func withTestProxy<Result: Sendable>(
    _ body: @escaping @Sendable (TestDatabase, FaultProxy) async throws -> Result
) async throws -> Result {
    try await TestDatabase.with { database in
        let proxy = try await FaultProxy.start(upstream: database.upstream)
        do {
            let result = try await body(database, proxy)
            await proxy.stop()
            return result
        } catch {
            await proxy.stop()
            throw error
        }
    }
}

/// The `PostgresError` that `body` throws, the one inside a `PostgresTransactionError` included.
func postgresError(_ body: () async throws -> Void) async -> PostgresError? {
    do {
        try await body()
        return nil
    } catch let error as PostgresError {
        return error
    } catch let error as PostgresTransactionError {
        return error.error
    } catch {
        return nil
    }
}
