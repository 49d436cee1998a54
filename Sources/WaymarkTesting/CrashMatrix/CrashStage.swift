import Foundation
import Logging
import PostgresPQ
import Waymark
import WaymarkEngine

/// One database on which the runs of a matrix take place, one after the other, each from the same beginning.
struct CrashStage: Sendable {
    /// Where a run begins.
    enum Beginning: String, Sendable {
        /// With the application's tables as they were, and no request.
        case untouched
        /// With the request accepted, and left alone.
        case accepted
    }

    let database: TestDatabase
    /// What undisturbed processes use.
    private let client: PostgresClient
    private let rewrite: @Sendable (String) -> String
    private let tables: CrashTables
    private let sagas: [any Saga]
    /// What disturbed processes know of time.
    private let clock: EngineClock

    private static let schema = "waymark_matrix"
    private static let logger = {
        var logger = Logger(label: "waymark.matrix")
        logger.logLevel = .critical
        return logger
    }()

    /// Watches a database as it is: its tables, as they are now, are where each run begins.
    /// - Parameter rewrite: what is sent to the database in place of a statement.
    static func with<Result: Sendable>(
        _ database: TestDatabase, _ sagas: [any Saga], clock: @escaping @Sendable (TestClock) -> EngineClock,
        rewriting rewrite: @escaping @Sendable (String) -> String,
        _ body: @escaping @Sendable (CrashStage) async throws -> Result
    ) async throws -> Result {
        try await database.client.executeScript(script)
        let tables = try await CrashTables(database.client)
        let proxy = try await FaultProxy.start(upstream: database.upstream) {
            PostgresTap(rewrite: rewrite) { _, _ in .pass }
        }
        do {
            let result = try await withPostgres(database.url(through: proxy), logger: logger) { client in
                let stage = CrashStage(
                    database: database, client: client, rewrite: rewrite, tables: tables, sagas: sagas,
                    clock: clock(database.clock))
                try await stage.keep(as: .untouched)
                return try await body(stage)
            }
            await proxy.stop()
            return result
        } catch {
            await proxy.stop()
            throw error
        }
    }

    /// The failing function, and a history of everything that was committed about keys.
    private static let script = """
        CREATE SCHEMA \(schema);
        CREATE FUNCTION \(PostgresTap.failing)(state text) RETURNS integer LANGUAGE plpgsql AS $$
            BEGIN RAISE EXCEPTION 'made to fail' USING ERRCODE = state; END $$;
        CREATE TABLE \(schema).history (n bigint GENERATED ALWAYS AS IDENTITY, row jsonb NOT NULL);
        CREATE FUNCTION \(schema).remember() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN INSERT INTO \(schema).history (row) VALUES (to_jsonb(NEW)); RETURN NULL; END $$;
        CREATE TRIGGER remember AFTER INSERT OR UPDATE ON waymark.keys
            FOR EACH ROW EXECUTE FUNCTION \(schema).remember();
        """

    /// Makes what there is now a beginning of runs.
    func keep(as beginning: Beginning) async throws {
        try await database.client.executeScript(tables.save(as: "\(Self.schema).\(beginning.rawValue)"))
    }

    /// Begins anew.
    func reset(to beginning: Beginning) async throws {
        try await database.client.executeScript(
            tables.restore(from: "\(Self.schema).\(beginning.rawValue)")
                // Foreign systems that remember keys are to see another request in each run.
                + "UPDATE waymark.keys SET incarnation = gen_random_uuid(); DELETE FROM \(Self.schema).history")
        try await database.clock.reset()
    }

    /// What everybody can see now, but for the answer.
    func observe() async throws -> JSONValue {
        let rows = try await database.client.query(PostgresQuery(unsafeSQL: tables.snapshot)).decode(String.self)
        return try JSONValue(parsing: rows[0], depth: JSONCoding.storedDepth + 8)
    }

    /// Every committed version of every key's row, in order.
    func history() async throws -> [JSONValue] {
        try await database.client.query("SELECT row::text FROM waymark_matrix.history ORDER BY n").decode(String.self)
            .map { try JSONValue(parsing: $0, depth: JSONCoding.storedDepth + 8) }
    }

    /// Runs `body` in a process that a fault may be done to.
    /// - Parameter watch: is told of each boundary before anything happens there.
    func withProcess<Result: Sendable>(
        _ plan: ProcessGate.Plan?, watch: (@Sendable (CrashBoundary) async throws -> Void)? = nil,
        _ body: @escaping @Sendable (ProcessGate, Orchestrator, CrashWire) async throws -> Result
    ) async throws -> Result {
        let process = ProcessGate(plan: plan, watch: watch) { try await terminate("pid = \($0)") }
        let name = Self.newName()
        let proxy = try await FaultProxy.start(upstream: database.upstream) { [rewrite] in
            process.tap(rewriting: rewrite)
        }
        let url = database.url(through: proxy) + " application_name=\(name)"
        do {
            let result = try await withPostgres(url, logger: Self.logger) { client in
                // The first connection is made before the boundaries are counted.
                try await client.execute("SELECT 1")
                let orchestrator = try orchestrator(client, clock, name, process.instrument)
                process.begin()
                defer {
                    process.end()
                    orchestrator.abandon()
                }
                return try await ProcessGate.$current.withValue(process) {
                    try await body(process, orchestrator, CrashWire(stage: self, proxy: proxy, name: name))
                }
            }
            await proxy.stop()
            return result
        } catch {
            await proxy.stop()
            throw error
        }
    }

    private static func newName() -> String { "process_\(UUID().uuidString.prefix(8))" }

    /// Runs `body` in a process that nothing happens to, and that knows nothing of any other.
    /// - Parameter order: the order in which what runs side by side has its turn.
    func withBystander<Result: Sendable>(
        _ order: TurnOrder? = nil, _ body: @Sendable (Orchestrator) async throws -> Result
    ) async throws -> Result {
        let orchestrator = try orchestrator(client, database.clock.engine, Self.newName()) {
            order?.instrument($0) ?? $0
        }
        return try await ProcessGate.$current.withValue(nil) { try await body(orchestrator) }
    }

    private func orchestrator(
        _ client: PostgresClient, _ clock: EngineClock, _ name: String,
        _ adapt: (SagaDeclaration) -> SagaDeclaration
    ) throws -> Orchestrator {
        var configuration = EngineConfiguration()
        configuration.clock = clock
        // Nobody renews leases here, but for an acceptance that took a third of one: on a busy machine that must not come
        // and go.
        configuration.lease = .minutes(1)
        // Nor may a statement be taken for a slow one and sent again, because its messages were held up on their way.
        configuration.coalescing?.longestStatement = .minutes(1)
        configuration.holder = name
        return Orchestrator(
            postgres: client, sagas: try SagaRegistry(sagas, clock: clock, adapting: adapt),
            configuration: configuration, logger: Self.logger)
    }

    /// Ends the server's sessions that `condition` holds for, and waits until they are gone.
    func terminate(_ condition: String) async throws {
        let sessions = Self.sessions(condition)
        try await database.client.execute("SELECT pg_terminate_backend(pid) FROM \(unescaped: sessions)")
        try await waitUntilNone(condition)
    }

    /// - Parameter end: what may end them, done at each look.
    func waitUntilNone(_ condition: String, ending end: () -> Void = {}) async throws {
        let sessions = Self.sessions(condition)
        try await eventually("the server has no session with \(condition)") {
            end()
            return try await database.client.query("SELECT FROM \(unescaped: sessions)").isEmpty
        }
    }

    static func sessions(_ condition: String) -> String {
        "pg_stat_activity WHERE datname = current_database() AND \(condition)"
    }
}

/// A process's connections, from outside.
struct CrashWire: Sendable {
    let stage: CrashStage
    let proxy: FaultProxy
    /// What they are called at the server.
    let name: String

    private var own: String { "application_name = '\(name)'" }

    /// The machine is gone: every connection breaks, and the server has noticed.
    func sever() async throws {
        proxy.setRules(.init(refusesConnections: true))
        try await stage.waitUntilNone(
            own,
            ending: {
                // Again and again: one may have been in the middle of being made.
                proxy.resetAll()
            })
    }

    /// Does something while the process stands still.
    ///
    /// Its transactions that hold locks are ended meanwhile: what the server does by itself when a process stands still for
    /// too long in the middle of one, or its machine answers no more.
    func whileStill<Result: Sendable>(_ body: @escaping @Sendable () async throws -> Result) async throws -> Result {
        let locking = CrashStage.sessions("\(own) AND backend_xid IS NOT NULL")
        return try await withThrowingTaskGroup(of: Void.self) { group in
            defer { group.cancelAll() }
            group.addTask {
                while !Task.isCancelled {
                    try await stage.database.client.execute(
                        "SELECT pg_terminate_backend(pid) FROM \(unescaped: locking)")
                    try await Task.sleep(for: Self.look)
                }
            }
            return try await body()
        }
    }

    /// How often it is looked for locks: what others wait for them at most.
    private static let look: Duration = .milliseconds(20)
}
