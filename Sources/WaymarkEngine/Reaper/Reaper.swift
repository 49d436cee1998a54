public import Logging
public import PostgresPQ
public import ServiceLifecycle
import Waymark

/// Removes finished keys whose retention is over, in bounded batches. Unfinished and parked keys are never reaped.
public final class Reaper: Service {
    public struct Configuration: Sendable {
        /// Keys deleted by one statement: its row locks and its WAL stay small enough not to be felt in the foreground.
        public var batch = 1_000
        public var pace = Pace(idle: .seconds(10), longestPause: .minutes(1))
        public var schema: SchemaName = .waymark

        public init() {}
    }

    private let postgres: PostgresClient
    private let configuration: Configuration
    private let metrics = EngineMetrics()
    private let logger: Logger

    public init(
        postgres: PostgresClient, configuration: Configuration = .init(),
        logger: Logger = Logger(label: "waymark.reaper")
    ) {
        self.postgres = postgres
        self.configuration = configuration
        self.logger = logger
    }

    /// Removes one batch, and says how many keys that were.
    public func runOnce() async throws -> Int {
        // `done` is asked for again at the deletion itself: the subselect's answer may be old by then.
        let reaped = try await postgres.execute(
            """
            DELETE FROM \(unescaped: configuration.schema.description).keys
            WHERE done AND id = ANY(ARRAY(
                SELECT id FROM \(unescaped: configuration.schema.description).keys
                WHERE done AND expires_at <= now()
                ORDER BY expires_at LIMIT \(configuration.batch)
                FOR UPDATE SKIP LOCKED))
            """)
        metrics.reap(reaped)
        if reaped > 0 { logger.info("keys reaped", metadata: ["count": .stringConvertible(reaped)]) }
        return reaped
    }

    public func run() async throws {
        await configuration.pace.repeatRounds(logger: logger) {
            try await runOnce() >= configuration.batch
        }
    }
}
