import Foundation
import PostgresPQ
import Staging

/// Compares what the clients heard with what the database and the payment service say.
struct Audit: Sendable {
    /// How long what was begun may take to its end. More than the minute after which a drain's jobs are taken over whose
    /// delivery PostgreSQL did not live to record.
    static let patience = Duration.seconds(75)
    private static let pollInterval = Duration.milliseconds(100)

    let stage: Stage
    let results: [RideResult]

    /// Waits until no key is on its way and every receipt is delivered.
    /// - Returns: False when that took too long.
    func waitUntilSettled() async throws -> Bool {
        let sandbox = try await sandboxURL()
        return try await withPostgres { postgres in
            let deadline = ContinuousClock.now + Self.patience
            while ContinuousClock.now < deadline {
                let (pending, booked) = try await DatabaseFacts.progress(in: postgres)
                if pending == 0, try await SandboxFacts.messages(at: sandbox).count >= booked { return true }
                try await Task.sleep(for: Self.pollInterval)
            }
            return false
        }
    }

    /// Holds everything against everything.
    /// - Parameter replays: what the clients heard when they asked once more.
    func verdict(replays: [RideResult]) async throws -> Verdict {
        let sandbox = try await SandboxFacts.read(from: sandboxURL())
        let database = try await withPostgres { try await DatabaseFacts.read(from: $0) }
        return Verdict(results: results, replays: replays, facts: Facts(database: database, sandbox: sandbox))
    }

    private func sandboxURL() async throws -> URL {
        guard let url = await stage.sandboxURL else { throw StagingError("The sandbox has not been started.") }
        return url
    }

    /// Lends a connection of our own: the audit looks with no one else's eyes.
    private func withPostgres<Value: Sendable>(
        _ body: @escaping @Sendable (PostgresClient) async throws -> Value
    ) async throws -> Value {
        var configuration = try await PostgresConfiguration(stage.connectionString)
        configuration.applicationName = "demo"
        let client = PostgresClient(
            configuration: .init(connection: configuration, maximumConnections: 2), logger: Stage.silent)
        return try await withThrowingTaskGroup(of: Void.self) { group in
            defer { group.cancelAll() }
            group.addTask { try await client.run() }
            return try await body(client)
        }
    }
}

/// Both sides of the books.
struct Facts: Sendable {
    let database: DatabaseFacts
    let sandbox: SandboxFacts
}
