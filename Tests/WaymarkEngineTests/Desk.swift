import Foundation
import Logging
import PostgresPQ
import Testing
import Waymark
import WaymarkEngine
import WaymarkTesting

/// A database with the operators' sagas, and somebody to operate them.
struct Desk: Sendable {
    let database: TestDatabase
    let script: Script
    let sagas: SagaRegistry
    let orchestrator: Orchestrator
    let keys: KeyOperator
    let scope: Scope

    static func with(_ body: @escaping @Sendable (Desk) async throws -> Void) async throws {
        try await TestDatabase.with(script: PlaceOrder.tables) { database in
            try await body(try Desk(database: database))
        }
    }

    /// - Parameter more: sagas beside the usual ones.
    init(database: TestDatabase, and more: (Script) -> [any Saga] = { _ in [] }) throws {
        self.database = database
        let script = Script()
        self.script = script
        sagas = try SagaRegistry(
            [
                Payout(script: script), Ping(script: script), AskPing(), Dispatch(script: script),
                Spread(script: script),
                PlaceOrder(script: script, horizon: .hours(1)),
            ] + more(script))
        orchestrator = Self.orchestrator(database, sagas)
        keys = KeyOperator(postgres: database.client, sagas: sagas, actor: "anna")
        scope = try Scope("tenant:1")
    }

    private static func orchestrator(_ database: TestDatabase, _ sagas: SagaRegistry) -> Orchestrator {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        return Orchestrator(postgres: database.client, sagas: sagas, logger: logger)
    }

    func keys(by actor: String, isDryRun: Bool = false) -> KeyOperator {
        KeyOperator(postgres: database.client, sagas: sagas, actor: actor, isDryRun: isDryRun)
    }

    func run<S: Saga>(_ saga: S.Type, _ request: S.Request, key: String = "k1") async throws -> Outcome<S.Response> {
        try await orchestrator.run(saga, key: IdempotencyKey(key), scope: scope, request: request)
    }

    func payout(_ key: String = "k1") async throws -> Outcome<Receipt> {
        try await run(Payout.self, Order(item: "book"), key: key)
    }

    /// A payout that is parked because its call may have happened.
    func parkedPayout(_ key: String = "k1") async throws -> SeenKey {
        script.fail("withdrawn", with: TransientError("silence"))
        #expect(try await payout(key).parkedReason == .outcomeUnknown)
        return try await seen(key)
    }

    /// A payout that is parked because its last phase failed too often.
    func exhaustedPayout(_ key: String = "k1") async throws -> SeenKey {
        script.fail("noted", with: TransientError("down"))
        #expect(try await payout(key).parkedReason == .attemptsExhausted)
        return try await seen(key)
    }

    func seen(_ key: String = "k1") async throws -> SeenKey {
        let id = KeyIdentity.rowID(scope: scope, key: try IdempotencyKey(key))
        return try #require(try await keys.find(id))
    }

    func audit(_ key: String = "k1") async throws -> [AuditEntry] {
        try await KeyInspector(postgres: database.client).audit(
            of: KeyIdentity.rowID(scope: scope, key: try IdempotencyKey(key)))
    }

    /// What another process makes of the keys that are due.
    func complete() async throws -> Completionist.Round {
        try await Completionist(Self.orchestrator(database, sagas)).runOnce()
    }

    func change(_ assignments: String) async throws {
        try await database.client.execute("UPDATE waymark.keys SET \(unescaped: assignments)")
    }

    /// Columns of every key and every audit entry as text, to see that nothing of it changed.
    func snapshot() async throws -> [String] {
        try await database.client.query(
            """
            SELECT k::text FROM waymark.keys AS k UNION ALL SELECT a::text FROM waymark.audit AS a ORDER BY 1
            """
        ).decode(String.self)
    }

    /// Expects `body` to throw this, and to have changed nothing.
    func refuses(
        _ code: OperatorError.Code, saying words: String = "", _ comment: Comment? = nil,
        _ body: () async throws -> AuditEntry
    ) async throws {
        let before = try await snapshot()
        let error = await #expect(throws: OperatorError.self, comment) { try await body() }
        #expect(error?.code == code, comment)
        #expect(error?.message.contains(words) == true || words.isEmpty, "\(error?.message ?? "")")
        #expect(try await snapshot() == before, comment)
    }
}
