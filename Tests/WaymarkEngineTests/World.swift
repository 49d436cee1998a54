import Foundation
import Logging
import PostgresPQ
import Synchronization
import Testing
import WaymarkTesting

@testable import Waymark
@testable import WaymarkEngine

/// A database, foreign systems, and sagas that can be run by any number of processes, each of which may lose its power.
struct World: Sendable {
    let database: TestDatabase
    let ledger: Ledger
    let sagas: @Sendable (Ledger) -> [any Saga]
    let scope: Scope

    static func with(
        _ sagas: @escaping @Sendable (Ledger) -> [any Saga], _ body: @escaping @Sendable (World) async throws -> Void
    ) async throws {
        let tables = "CREATE TABLE effects (key_id uuid NOT NULL, step text NOT NULL, detail text NOT NULL);"
        try await TestDatabase.with(script: tables) { database in
            try await body(World(database: database, ledger: Ledger(), sagas: sagas, scope: Scope("tenant:1")))
        }
    }

    /// A process of its own: nothing of another one's memory.
    func orchestrator(on client: PostgresClient? = nil) throws -> Orchestrator {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        return Orchestrator(
            postgres: client ?? database.client, sagas: try SagaRegistry(sagas(ledger)), logger: logger)
    }

    func run<S: Saga>(_ saga: S.Type, _ request: S.Request, key: String = "k1") async throws -> Outcome<S.Response> {
        try await orchestrator().run(saga, key: IdempotencyKey(key), scope: scope, request: request)
    }

    /// Runs a saga in a process that loses its power: see `untilPowerCut`.
    func runUntilPowerCut<S: Saga>(
        _ saga: S.Type, _ request: S.Request, boundary: Int, isSent: Bool
    ) async throws -> Bool {
        try await untilPowerCut(boundary: boundary, isSent: isSent) { client in
            let orchestrator = try self.orchestrator(on: client)
            _ = try await orchestrator.run(saga, key: IdempotencyKey("k1"), scope: scope, request: request)
        }
    }

    /// Does something in a process that loses its power at the `boundary`th message it sends to the database.
    /// - Parameter isSent: whether that message still arrives.
    /// - Returns: false when the process was not stopped: it had no such boundary.
    func untilPowerCut(
        boundary: Int, isSent: Bool, _ body: @escaping @Sendable (PostgresClient) async throws -> Void
    ) async throws -> Bool {
        let proxy = try await FaultProxy.start(upstream: database.upstream)
        let url = database.url(through: proxy) + " application_name=doomed"
        let isCut = try await withPostgres(url) { client in
            // The pool's first connection is made before the boundaries are counted.
            try await client.execute("SELECT 1")
            proxy.severAfter(pattern: Self.sync, occurrence: boundary, forward: isSent)
            let isOver = Mutex(false)
            let doomed = Task {
                try? await body(client)
                isOver.withLock { $0 = true }
            }
            try await eventually("it ends, or the process") { proxy.isSevered || isOver.withLock(\.self) }
            doomed.cancel()
            return proxy.isSevered
        }
        await proxy.stop()
        // The server may still be at work on the last thing that it was sent.
        try await eventually("the server has let go of the process") {
            try await database.client.query(
                "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'doomed'"
            ).isEmpty
        }
        return isCut
    }

    /// The end of everything that a client sends at once.
    private static let sync: [UInt8] = [UInt8(ascii: "S"), 0, 0, 0, 4]

    /// Lets time pass, for leases, backoffs and whatever waits, and has other processes do what is due until nothing is.
    func settle(rounds: Int = 50, between: (() async throws -> Void)? = nil) async throws {
        for _ in 0..<rounds {
            try await database.passTime()
            try await between?()
            let completionist = Completionist(try orchestrator())
            _ = try await completionist.runOnce()
            let open = try await database.client.query(
                "SELECT 1 FROM waymark.keys WHERE NOT done AND parked_reason IS NULL")
            if open.isEmpty { return }
        }
        Issue.record("still not settled after \(rounds) rounds: \(try await snapshot())")
    }

    func effects(_ step: String) async throws -> [String] {
        try await database.client.query("SELECT detail FROM effects WHERE step = \(step) ORDER BY detail")
            .decode(String.self)
    }

    func snapshot() async throws -> [String] {
        try await database.client.query("SELECT k::text FROM waymark.keys AS k ORDER BY id").decode(String.self)
    }

    func journal(_ key: String = "k1") async throws -> [String] {
        let id = KeyIdentity.rowID(scope: scope, key: try IdempotencyKey(key))
        return try await database.client.query(
            """
            SELECT e ->> 'step' || coalesce(' ' || (e ->> 'mark'), '')
            FROM waymark.keys, jsonb_array_elements(journal) WITH ORDINALITY AS e(e, n) WHERE id = \(id) ORDER BY n
            """
        ).decode(String.self)
    }

    func point(_ key: String = "k1") async throws -> String {
        let id = KeyIdentity.rowID(scope: scope, key: try IdempotencyKey(key))
        return try await database.client.query("SELECT recovery_point FROM waymark.keys WHERE id = \(id)")
            .decode(String.self).first ?? "none"
    }
}

/// Runs `saga` once for every boundary between what it sends to the database, stops the process there, has others finish the
/// request, and checks what became of it.
/// - Parameters:
///   - prepare: what the foreign systems are to do, before each run.
///   - between: what happens outside while others finish it.
///   - check: is given the final outcome, as a repeat is answered.
func stopEverywhere<S: Saga>(
    _ saga: S.Type, _ request: S.Request, sagas: @escaping @Sendable (Ledger) -> [any Saga],
    prepare: @escaping @Sendable (Ledger) -> Void = { _ in },
    between: (@Sendable (World) async throws -> Void)? = nil,
    check: @escaping @Sendable (Outcome<S.Response>, World) async throws -> Void
) async throws {
    try await World.with(sagas) { world async throws in
        for isSent in [true, false] {
            var boundary = 1
            while try await world.stop(saga, request, boundary, isSent, prepare, between, check) {
                boundary += 1
                try #require(boundary < 100, "this never ends")
            }
            #expect(boundary > 3, "a request has more boundaries than that")
        }
    }
}

extension World {
    /// One run of `stopEverywhere`, on emptied tables and with foreign systems of its own.
    /// - Returns: whether there was such a boundary.
    fileprivate func stop<S: Saga>(
        _ saga: S.Type, _ request: S.Request, _ boundary: Int, _ isSent: Bool, _ prepare: (Ledger) -> Void,
        _ between: (@Sendable (World) async throws -> Void)?,
        _ check: (Outcome<S.Response>, World) async throws -> Void
    ) async throws -> Bool {
        try await database.client.execute("TRUNCATE waymark.keys, waymark.jobs, effects")
        let world = World(database: database, ledger: Ledger(), sagas: sagas, scope: scope)
        prepare(world.ledger)
        let isCut = try await world.runUntilPowerCut(saga, request, boundary: boundary, isSent: isSent)
        // Where it was not even accepted, the client asks again.
        _ = try await world.run(saga, request)
        try await world.settle { try await between?(world) }
        let outcome = try await world.run(saga, request)
        if case .parked = outcome { Issue.record("parked: \(try await world.snapshot())") }
        try await check(outcome, world)
        let leases = try await world.database.client.query(
            "SELECT key FROM waymark.keys WHERE lease_until > now() OR (done AND branches <> '{}')")
        #expect(leases.isEmpty, "after boundary \(boundary), sent \(isSent)")
        return isCut
    }
}
