public import Logging
public import ServiceLifecycle
import Synchronization

/// A pool of connections, and the way most programs use PostgreSQL.
///
/// ```swift
/// let client = PostgresClient(configuration: .init(connection: try PostgresConfiguration(url)), logger: logger)
/// try await withThrowingTaskGroup { group in
///     group.addTask { try await client.run() }
///     let names = try await client.query("SELECT name FROM rides WHERE id = \(id)").decode(String.self)
///     group.cancelAll()
/// }
/// ```
/// Connections are made by ``run()``, as they are needed; what is asked for before ``run()`` waits for it, at most for
/// ``Configuration/waitTimeout``. A connection that breaks is replaced, and where it was the server that went away, or that
/// takes no writes any more, so are all others. All functions throw ``PostgresError/Code/poolTimeout`` when no connection
/// came free in time (its `underlying` error says why connecting failed, if it did),
/// ``PostgresError/Code/connectFailed`` when none could be made for ``Configuration/outageTimeout``,
/// ``PostgresError/Code/poolClosed`` once the pool is shutting down, and `CancellationError`.
///
/// A connection is lent as clean as it was made. A statement that sets something in its session (`SET`, `set_config` unless
/// local, `pg_advisory_lock`, `CREATE TEMP`, `LISTEN`, `PREPARE`, a script) costs the next borrower nothing: `DISCARD ALL`
/// undoes it when the connection comes back. What a function sets that a statement calls cannot be seen: give it
/// `SET LOCAL`.
public final class PostgresClient: Service, Sendable {
    public struct Configuration: Sendable {
        public var connection: PostgresConfiguration
        /// The most connections that the pool opens.
        public var maximumConnections: Int
        /// How many connections are opened at the start and kept open.
        public var minimumConnections: Int
        /// How long a caller waits for a connection.
        public var waitTimeout: Duration
        /// How long no connection could be made until the database counts as away. Then nobody waits any more: each caller
        /// finds out whether it is back, and is told at once, or after this time where no answer comes. Until there was a
        /// first connection it counts as away after ``waitTimeout``, since it may be starting up together with us.
        public var outageTimeout: Duration
        /// A connection that was idle for this long is asked whether it is alive.
        public var idleCheckAfter: Duration
        /// The longest delay after the first failure to connect; it doubles with each further one. The actual delay
        /// is a random part of it, so that many clients do not come back all at once.
        public var reconnectBackoffBase: Duration
        /// The longest delay between attempts to connect.
        public var reconnectBackoffCap: Duration
        /// How long ``PostgresClient/run()`` waits for lent connections when it ends, before it closes them.
        public var shutdownTimeout: Duration

        public init(
            connection: PostgresConfiguration,
            maximumConnections: Int = 16,
            minimumConnections: Int = 0,
            waitTimeout: Duration = .seconds(10),
            outageTimeout: Duration = .seconds(1),
            idleCheckAfter: Duration = .seconds(30),
            reconnectBackoffBase: Duration = .milliseconds(50),
            reconnectBackoffCap: Duration = .seconds(1),
            shutdownTimeout: Duration = .seconds(10)
        ) {
            precondition(maximumConnections > 0, "a pool needs at least one connection")
            precondition((0...maximumConnections).contains(minimumConnections), "the minimum exceeds the maximum")
            self.connection = connection
            self.maximumConnections = maximumConnections
            self.minimumConnections = minimumConnections
            self.waitTimeout = waitTimeout
            self.outageTimeout = outageTimeout
            self.idleCheckAfter = idleCheckAfter
            self.reconnectBackoffBase = reconnectBackoffBase
            self.reconnectBackoffCap = reconnectBackoffCap
            self.shutdownTimeout = shutdownTimeout
        }
    }

    public let configuration: Configuration
    let logger: Logger
    let metrics = PoolMetrics()
    let start = ContinuousClock.now
    let state: Mutex<PoolState>
    /// Only sessions that take writes are of use.
    let needsWrites = Atomic(false)
    /// Work that ``run()`` has to do.
    let requests: AsyncStream<PoolRequest>
    let requestContinuation: AsyncStream<PoolRequest>.Continuation

    public init(configuration: Configuration, logger: Logger = Logger(label: "postgres")) {
        self.configuration = configuration
        self.logger = logger
        state = Mutex(PoolState(configuration))
        (requests, requestContinuation) = AsyncStream.makeStream()
    }
}

extension PostgresClient {
    /// Has the pool take only sessions with a server that takes writes, unless the connection string says which it is to
    /// take. Connections that are there already are kept until one of them is refused a write.
    package func requireWrites() {
        needsWrites.store(true, ordering: .relaxed)
    }

    /// Whether the database answers, and takes writes. A connection to a server that does not is replaced.
    package func takesWrites() async throws -> Bool {
        try await withConnection { connection in
            let isReadOnly = try await connection.query("SHOW transaction_read_only").decode(String.self) == ["on"]
            if isReadOnly { connection.flags.isServerLost.store(true, ordering: .releasing) }
            return !isReadOnly
        }
    }

    /// Lends a connection to `body`. It must not be used after `body` has returned.
    ///
    /// A connection that comes back broken, or inside a transaction, is closed and replaced. Throws what `body` throws.
    @discardableResult
    public nonisolated(nonsending) func withConnection<Value>(
        _ body: (PostgresConnection) async throws -> Value
    ) async throws -> Value {
        let lease = try await lease()
        defer { release(lease) }
        return try await body(lease.connection)
    }

    /// Runs a statement on a connection of the pool. See ``PostgresConnection/query(_:)``.
    public func query(_ query: PostgresQuery) async throws -> PostgresRows {
        try await withConnection { try await $0.query(query) }
    }

    /// Runs a statement and returns how many rows it affected.
    @discardableResult
    public func execute(_ query: PostgresQuery) async throws -> Int {
        try await withConnection { try await $0.execute(query) }
    }

    /// Runs statements in one round trip, as one implicit transaction. See ``PostgresConnection/pipeline(_:)``.
    public func pipeline(_ queries: [PostgresQuery]) async throws -> [PostgresRows] {
        try await withConnection { try await $0.pipeline(queries) }
    }

    /// Runs independent statements without waiting in between. See ``PostgresConnection/pipelineEach(_:)``.
    public func pipelineEach(_ queries: [PostgresQuery]) async throws -> [Result<PostgresRows, PostgresError>] {
        try await withConnection { try await $0.pipelineEach(queries) }
    }

    /// Runs `;`-separated statements without parameters. See ``PostgresConnection/executeScript(_:)``.
    public func executeScript(_ sql: String) async throws {
        try await withConnection { try await $0.executeScript(sql) }
    }

    /// Runs `body` in a transaction on a connection of the pool, and commits it.
    ///
    /// See ``PostgresConnection/withTransaction(isolation:opening:_:closing:)``, which says what is sent when, and what
    /// is thrown.
    @discardableResult
    public nonisolated(nonsending) func withTransaction<Value: Sendable>(
        isolation: PostgresIsolation = .readCommitted,
        opening: [PostgresQuery] = [],
        _ body: (PostgresTransaction) async throws -> Value,
        closing: (Value) throws -> [PostgresQuery] = { _ in [] }
    ) async throws -> Value {
        try await withConnection { connection in
            try await connection.withTransaction(isolation: isolation, opening: opening, body, closing: closing)
        }
    }
}
