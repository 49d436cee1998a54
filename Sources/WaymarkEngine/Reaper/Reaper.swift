public import Logging
public import PostgresPQ
public import ServiceLifecycle
import Synchronization
import Waymark

/// Removes finished keys whose retention is over, in bounded batches. Unfinished and parked keys are never reaped, but
/// for those of `Orchestrator.once` that were given up: nobody but a caller would ever go on with them.
public final class Reaper: Service {
    public struct Configuration: Sendable {
        /// Keys deleted by one statement: its row locks and its WAL stay small enough not to be felt in the foreground.
        public var batch = 1_000
        /// A tenth of the time: removing a key takes the server a small part of what accepting and finishing it does, so that is
        /// enough to keep up, and the foreground hardly notices.
        public var pace = Pace(idle: .seconds(10), longestPause: .minutes(1), share: 0.1)
        /// How long an unfinished key of `Orchestrator.once` is kept after its last try.
        public var retention: Duration = .hours(24)
        public var schema: SchemaName = .waymark
        package var clock: EngineClock = .system

        public init() {}
    }

    private let postgres: PostgresClient
    private let configuration: Configuration
    private let floor = Mutex(LookFloor())
    private let metrics = EngineMetrics()
    private let logger: Logger

    public init(
        postgres: PostgresClient, configuration: Configuration = .init(),
        logger: Logger = Logger(label: "waymark.reaper")
    ) {
        self.postgres = postgres
        self.configuration = configuration
        self.logger = logger
        postgres.requireWrites()
    }

    /// Removes one batch of either kind, and says how many keys that were.
    public func runOnce() async throws -> Int {
        let reaped = try await reapFinished() + reapAbandoned()
        metrics.reap(reaped)
        if reaped > 0 { logger.info("keys reaped", metadata: ["count": .stringConvertible(reaped)]) }
        return reaped
    }

    /// From where the last batch ended: what was finished later expires later, unless its retention is shorter.
    private func reapFinished() async throws -> Int {
        let sentAt = configuration.clock.now()
        let start = floor.withLock { $0.start(at: sentAt) }
        let removal = finished(expiredFrom: start ?? -.infinity)
        let reaped = try await postgres.pipeline([KeyStatements.inIndexOrder, removal])[1].decode(Double.self)
        let now = configuration.clock.now()
        floor.withLock { $0.looked(from: start, to: reaped.max(), taking: now - sentAt, at: now) }
        return reaped.count
    }

    private func reapAbandoned() async throws -> Int {
        try await postgres.pipeline([KeyStatements.uncompiled, abandoned])[1].rowsAffected
    }

    func finished(expiredFrom start: Double = -.infinity) -> PostgresQuery {
        delete("done AND expires_at <= now()", oldestFirst: "expires_at", from: start)
    }

    /// Of a key that nobody holds, `run_at` is when its last holder gave it back, or fell silent. A parked one's is
    /// infinity.
    var abandoned: PostgresQuery {
        let age = "\(configuration.retention.inSeconds) * interval '1 second'"
        return delete(
            """
            NOT done AND saga LIKE '\(SagaDeclaration.oncePrefix)%' AND lease_until <= now() AND run_at <= now() - \(age)
            """, oldestFirst: "run_at")
    }

    /// Deletes one batch of the keys that `condition` holds for, and gives the `order` of each, in seconds since 1970.
    private func delete(
        _ condition: String, oldestFirst order: String, from start: Double = -.infinity
    ) -> PostgresQuery {
        let keys = "\(configuration.schema).keys"
        // The condition is asked for again at the deletion itself: the subselect's answer may be old by then.
        return """
            DELETE FROM \(unescaped: keys)
            WHERE \(unescaped: condition) AND id = ANY(ARRAY(
                SELECT id FROM \(unescaped: keys)
                WHERE \(unescaped: condition) AND \(unescaped: order) >= to_timestamp(\(start))
                ORDER BY \(unescaped: order) LIMIT \(configuration.batch)
                FOR UPDATE SKIP LOCKED))
            RETURNING extract(epoch FROM \(unescaped: order))::float8
            """
    }

    public func run() async throws {
        await configuration.pace.repeatRounds(logger: logger) {
            try await runOnce() >= configuration.batch
        }
    }
}
