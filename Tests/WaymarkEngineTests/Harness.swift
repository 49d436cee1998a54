import Foundation
import Logging
import PostgresPQ
import Testing
import Waymark
import WaymarkEngine
import WaymarkTesting

/// A database, a script, and an orchestrator that runs the test sagas on it.
struct Harness: Sendable {
    let database: TestDatabase
    let script: Script
    let orchestrator: Orchestrator
    let scope: Scope

    static func with(
        lease: Duration = .seconds(15), gracePeriod: Duration = .seconds(10), connections: Int = 6,
        saga: (Script) -> PlaceOrder = { PlaceOrder(script: $0) },
        _ body: @escaping @Sendable (Harness) async throws -> Void
    ) async throws {
        let script = Script()
        let saga = saga(script)
        try await TestDatabase.with(script: PlaceOrder.tables, connections: connections) { database in
            let harness = try Harness(
                database: database, script: script, saga: saga, lease: lease, gracePeriod: gracePeriod)
            try await body(harness)
        }
    }

    init(
        database: TestDatabase, script: Script, saga: PlaceOrder, lease: Duration = .seconds(15),
        gracePeriod: Duration = .seconds(10)
    ) throws {
        self.database = database
        self.script = script
        var configuration = EngineConfiguration()
        configuration.lease = lease
        configuration.gracePeriod = gracePeriod
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        orchestrator = Orchestrator(
            postgres: database.client, sagas: try SagaRegistry([saga, Notify(script: script)]),
            configuration: configuration, logger: logger)
        scope = try Scope("tenant:1")
    }

    /// Another process on the same database: nothing of the first one's memory, and a script of its own if given.
    func another(_ script: Script? = nil) throws -> Harness {
        let script = script ?? self.script
        return try Harness(database: database, script: script, saga: PlaceOrder(script: script))
    }

    func order(_ key: String, item: String = "book", quantity: Int = 1) async throws -> Outcome<Receipt> {
        try await orchestrator.run(
            PlaceOrder.self, key: IdempotencyKey(key), scope: scope, request: Order(item: item, quantity: quantity))
    }

    func effects(_ item: String = "book") async throws -> [String] {
        try await database.client.query("SELECT step FROM effects WHERE item = \(item) ORDER BY step")
            .decode(String.self)
    }

    /// The key's row, by the columns that a test asks for.
    func row<each Value: PostgresDecodable>(
        _ key: String, _ columns: String, as type: (repeat each Value).Type
    ) async throws -> (repeat each Value) {
        let id = KeyIdentity.rowID(scope: scope, key: try IdempotencyKey(key))
        let rows = try await database.client.query(
            "SELECT \(unescaped: columns) FROM waymark.keys WHERE id = \(id)")
        return try #require(rows.first).decode(type)
    }

    /// The whole row of every key as text, to see that nothing of it changed.
    func snapshot() async throws -> [String] {
        try await database.client.query("SELECT k::text FROM waymark.keys AS k ORDER BY id").decode(String.self)
    }

    /// Makes the key's lease and backoff lapse, as if time had passed.
    func lapse() async throws {
        try await database.client.execute(
            "UPDATE waymark.keys SET lease_until = now(), run_at = now() WHERE NOT done AND parked_reason IS NULL")
    }

    func completionist() -> Completionist { Completionist(orchestrator) }
}

extension Outcome {
    var response: Response? {
        if case .finished(let response, _) = self { response } else { nil }
    }

    var isReplay: Bool {
        switch self {
        case .finished(_, let replayed), .rejected(_, let replayed): replayed
        default: false
        }
    }

    var rejection: Rejection? {
        if case .rejected(let rejection, _) = self { rejection } else { nil }
    }

    var progress: SagaProgress? {
        if case .inProgress(let progress) = self { progress } else { nil }
    }

    var parkedReason: ParkedReason? {
        if case .parked(let reason) = self { reason } else { nil }
    }

    var mismatch: Mismatch? {
        if case .mismatch(let mismatch) = self { mismatch } else { nil }
    }
}
