import PostgresPQ
import Synchronization
import Waymark
package import WaymarkEngine

/// The clock of a test database: what `now()` gives there, in Waymark's statements and in the application's. It runs as the
/// machine's does, and can be moved on.
///
/// ```swift
/// try await database.clock.advance(by: .hours(24))   // leases, backoffs, sleeps and retentions are over
/// ```
/// A function `now()` that stands before PostgreSQL's own in the database's `search_path` does it; `CURRENT_TIMESTAMP` and
/// `clock_timestamp()` cannot be moved.
public final class TestClock: Sendable {
    static let schema = "waymark_clock"

    /// Whatever the tests' server is to know before the migrations.
    static let script = """
        CREATE SCHEMA \(schema);
        CREATE TABLE \(schema).ahead (by interval NOT NULL);
        INSERT INTO \(schema).ahead VALUES ('0');
        CREATE FUNCTION \(schema).now() RETURNS timestamptz LANGUAGE sql STABLE
            RETURN pg_catalog.now() + (SELECT by FROM \(schema).ahead);
        """

    private let client: PostgresClient
    private let moved = Mutex(Duration.zero)

    init(client: PostgresClient) {
        self.client = client
    }

    /// How far it is ahead of the machine's.
    public var offset: Duration { moved.withLock { $0 } }

    /// Moves the clock on.
    /// - Throws: `PostgresError`.
    public func advance(by duration: Duration) async throws {
        precondition(duration >= .zero, "a clock is not put back")
        try await client.execute(
            "UPDATE \(unescaped: Self.schema).ahead SET by = by + \(duration.inSeconds) * interval '1 second'")
        moved.withLock { $0 += duration }
    }

    /// Moves the clock on to when the next unfinished request can be gone on with: the end of a lease, a backoff, a sleep.
    /// - Returns: false where none ever can be: all are finished or parked.
    /// - Throws: `PostgresError`.
    public func advanceToNextDue() async throws -> Bool {
        let left =
            try await client.query(
                """
                SELECT extract(epoch FROM min(greatest(run_at, lease_until)) - now())::float8 FROM waymark.keys
                WHERE NOT done AND parked_reason IS NULL AND run_at < 'infinity'
                """
            ).decode(Double?.self).first ?? nil
        guard let left else { return false }
        if left > 0 { try await advance(by: .seconds(clamping: left)) }
        return true
    }

    /// Puts it back to the machine's, for a new beginning on an emptied database.
    func reset() async throws {
        try await client.execute("UPDATE \(unescaped: Self.schema).ahead SET by = '0'")
        moved.withLock { $0 = .zero }
    }

    /// The same clock for the processes of a simulation: what one of them would sleep through passes for all at once.
    package var engine: EngineClock {
        EngineClock(now: { .now + self.offset }, sleep: { try await self.advance(by: $0) })
    }
}
