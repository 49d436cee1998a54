import Foundation
import Logging
import PostgresPQ
import Synchronization
import Testing
import WaymarkTesting

@testable import Waymark
@testable import WaymarkEngine

/// Sagas whose commits share transactions, among them some that fail.
@Suite struct CoalescedRunTests {
    /// Every tenth is sold out, every seventh too expensive.
    static let orders = (1...70).map { n in
        Order(item: n % 10 == 0 ? "sold out" : n % 2 == 0 ? "book" : "lamp", quantity: n % 7 == 0 ? 10 : 1)
    }

    static func orchestrator<S: Saga>(
        _ saga: S, on client: PostgresClient, _ coalescing: EngineConfiguration.Coalescing?
    ) throws -> Orchestrator {
        var configuration = EngineConfiguration()
        configuration.coalescing = coalescing
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        return Orchestrator(
            postgres: client, sagas: try SagaRegistry([saga]), configuration: configuration, logger: logger)
    }

    /// One transaction at a time, however long it takes, so that whatever comes meanwhile shares the next one.
    static let narrow: EngineConfiguration.Coalescing = {
        var coalescing = EngineConfiguration.Coalescing()
        coalescing.transactions = 1
        coalescing.longestWait = .seconds(3600)
        return coalescing
    }()

    /// Places all orders at once; gives what each was told.
    static func placeAll<S: Saga>(_ saga: S.Type, through orchestrator: Orchestrator) async throws -> [String]
    where S.Body.Input == Order, S.Body.Output == Receipt {
        try await withThrowingTaskGroup(of: (Int, String).self) { group in
            for (index, order) in orders.enumerated() {
                group.addTask {
                    let outcome = try await orchestrator.run(
                        saga, key: IdempotencyKey("k\(index)"), scope: Scope("tenant:1"), request: order)
                    let text = outcome.response.map { "\($0)" } ?? outcome.rejection.map { "\($0.status)" }
                    return (index, "\(index): \(text ?? "\(outcome)")")
                }
            }
            return try await group.reduce(into: [(Int, String)]()) { $0.append($1) }.sorted { $0.0 < $1.0 }.map(\.1)
        }
    }

    /// Everything in the tables that does not differ from run to run: no times, no random numbers, no names of processes.
    static func tables(_ database: TestDatabase) async throws -> [String] {
        try await database.client.query(
            """
            SELECT jsonb_build_array(id, scope, key, saga, saga_version, request, fingerprint, recovery_point, direction,
                (SELECT jsonb_agg(entry - 'at' - 'by' ORDER BY n) FROM jsonb_array_elements(journal) WITH ORDINALITY AS j (entry, n)),
                attempts, response_status, response_body, done, parked_reason, last_error, branches, events, deaths,
                steps_version, fence % 1000, locked_by IS NULL, lease_until <= now(), expires_at - finished_at,
                finished_at = progressed_at, progressed_at >= created_at)::text
            FROM waymark.keys
            UNION ALL SELECT jsonb_build_array('effect', key_id, step, item)::text FROM effects
            UNION ALL SELECT jsonb_build_array('stock', item, reserved)::text FROM stock
            UNION ALL SELECT jsonb_build_array('job', key_id, name, payload, position, attempts, dead)::text
                FROM waymark.jobs
            ORDER BY 1
            """
        ).decode(String.self)
    }

    /// What an error says differs with where the statement stood; what a request came to does not.
    @Test func coalescedByItselfAndInteractivelyTheSameRowsAreLeft() async throws {
        let left = Mutex<[[String]]>([])
        for way in ["coalesced", "by itself", "interactive"] {
            try await TestDatabase.with(script: WriteOrder.tables) { database async throws in
                let told: [String]
                switch way {
                case "interactive":
                    let orchestrator = try Self.orchestrator(InteractiveOrder(), on: database.client, nil)
                    told = try await Self.placeAll(InteractiveOrder.self, through: orchestrator)
                default:
                    let orchestrator = try Self.orchestrator(
                        WriteOrder(), on: database.client, way == "coalesced" ? Self.narrow : nil)
                    told = try await Self.placeAll(WriteOrder.self, through: orchestrator)
                }
                let tables = try await Self.tables(database)
                #expect(tables.count > 150)
                left.withLock { $0.append(told + tables) }
            }
        }
        let (coalesced, alone, interactive) = left.withLock { ($0[0], $0[1], $0[2]) }
        #expect(coalesced == alone)
        #expect(coalesced == interactive)
    }

    /// The row of a committed statement bears the number of its transaction.
    @Test func manyShareATransactionAndNoneIsSunk() async throws {
        try await TestDatabase.with(script: WriteOrder.tables) { database async throws in
            let orchestrator = try Self.orchestrator(WriteOrder(), on: database.client, Self.narrow)
            let told = try await Self.placeAll(WriteOrder.self, through: orchestrator)
            #expect(told.count { $0.hasSuffix(": 409") } == 7, "sold out: \(told)")
            #expect(told.count { $0.hasSuffix(": 402") } == 9, "too expensive: \(told)")
            let (transactions, rows) = try #require(
                try await database.client.query(
                    "SELECT count(DISTINCT xmin::text), count(*) FROM effects WHERE step = 'reserved'"
                ).decode((Int, Int).self).first)
            #expect(rows == 63)
            #expect(transactions < rows, "no two shared a transaction")
            let open = try await database.client.query("SELECT FROM waymark.keys WHERE NOT done")
            #expect(open.isEmpty)
        }
    }

    /// The connection goes away behind a COMMIT that many share: each finds out by its own row.
    @Test(arguments: [true, false]) func anUnknownOutcomeIsResolvedKeyByKey(isForwarded: Bool) async throws {
        try await TestDatabase.with(script: WriteOrder.tables) { database async throws in
            let proxy = try await FaultProxy.start(upstream: database.upstream)
            try await withPostgres(database.url(through: proxy), preparedStatements: false) { client in
                let orchestrator = try Self.orchestrator(WriteOrder(), on: client, Self.narrow)
                // The second is the first that many share.
                proxy.cutAfter(pattern: "COMMIT\0", times: 2, forward: isForwarded)
                _ = try await Self.placeAll(WriteOrder.self, through: orchestrator)
            }
            try await eventually("connections were cut") { proxy.counters.cuts > 0 }
            let effects = try await database.client.query(
                """
                SELECT count(*) FILTER (WHERE step = 'reserved'), count(*) FILTER (WHERE step = 'confirmed'),
                    (SELECT sum(reserved)::int FROM stock), (SELECT count(*) FROM waymark.keys WHERE NOT done)
                FROM effects
                """
            ).decode((Int, Int, Int, Int).self)
            let (reserved, confirmed, stock, open) = try #require(effects.first)
            #expect(reserved == 63)
            #expect(confirmed == 54)
            #expect(stock == 54 + 9 * 10)
            #expect(open == 0)
            await proxy.stop()
        }
    }

    /// What a client repeats is answered, also amid new requests of others.
    @Test func repeatsDisturbNobody() async throws {
        try await TestDatabase.with(script: WriteOrder.tables) { database async throws in
            let first = try Self.orchestrator(WriteOrder(), on: database.client, Self.narrow)
            let order = Order(item: "book")
            _ = try await first.run(
                WriteOrder.self, key: IdempotencyKey("k3"), scope: Scope("tenant:1"), request: Self.orders[3])
            _ = try await first.run(
                WriteOrder.self, key: IdempotencyKey("k4"), scope: Scope("tenant:1"),
                request: Order(item: order.item, quantity: 3))
            let second = try Self.orchestrator(WriteOrder(), on: database.client, Self.narrow)
            let told = try await Self.placeAll(WriteOrder.self, through: second)
            #expect(told[3].contains("Receipt"))
            #expect(told[4].contains("mismatch"))
            let (keys, replays) = try #require(
                try await database.client.query(
                    "SELECT count(*), (SELECT count(*) FROM effects WHERE step = 'confirmed') FROM waymark.keys"
                ).decode((Int, Int).self).first)
            #expect(keys == 70)
            #expect(replays == 54)
        }
    }
}
