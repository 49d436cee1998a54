import Logging
import PostgresPQ
import Testing
import Waymark
import WaymarkEngine
import WaymarkTesting

/// One database, and orchestrators of several versions on it.
struct Fleet: Sendable {
    let database: TestDatabase
    let script = Script()
    let scope: Scope

    static func with(_ body: @escaping @Sendable (Fleet) async throws -> Void) async throws {
        try await TestDatabase.with(script: PlaceOrder.tables) { database in
            try await body(Fleet(database: database, scope: Scope("tenant:1")))
        }
    }

    func runs(_ sagas: any Saga...) -> Orchestrator {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        do {
            return Orchestrator(postgres: database.client, sagas: try SagaRegistry(sagas), logger: logger)
        } catch {
            preconditionFailure("\(error)")
        }
    }

    /// Finishes every key, as time would.
    func settle(_ orchestrator: Orchestrator) async throws {
        try await eventually("every key is finished") {
            try await lapse()
            _ = try await Completionist(orchestrator).runOnce()
            return try await column("key", of: "NOT done").isEmpty
        }
    }

    /// Makes leases and backoffs lapse; of one key, or of all.
    func lapse(_ key: String? = nil) async throws {
        try await database.client.execute(
            """
            UPDATE waymark.keys SET lease_until = now(), run_at = now(),
                branches = (SELECT coalesce(jsonb_object_agg(name, state - 'due'), '{}')
                    FROM jsonb_each(branches) AS b (name, state))
            WHERE NOT done AND parked_reason IS NULL AND key = coalesce(\(key)::text, key)
            """)
    }

    func column(_ column: String, of condition: String = "true") async throws -> [String] {
        try await database.client.query(
            "SELECT \(unescaped: column) FROM waymark.keys AS keys WHERE \(unescaped: condition)"
        ).decode(String.self).sorted()
    }

    func snapshot() async throws -> [String] { try await column("keys::text") }
}
