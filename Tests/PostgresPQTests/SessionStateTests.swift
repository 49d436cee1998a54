import PostgresPQ
import Testing
import WaymarkTesting

/// What one borrower of a pooled connection sets, the next one must not find.
@Suite struct SessionStateTests {
    /// Something that a statement sets, and a query that gives 1 where it is there, and else 0.
    struct Leak: Sendable, CustomTestStringConvertible {
        let statement: String
        let probe: String

        var testDescription: String { statement }

        static let all = [
            Leak(
                statement: "SET statement_timeout = '123s'",
                probe: "SELECT (current_setting('statement_timeout') = '123s')::int4"),
            Leak(
                statement: "SET default_transaction_read_only = on",
                probe: "SELECT (current_setting('transaction_read_only') = 'on')::int4"),
            Leak(statement: "SET app.tenant = 'a'", probe: tenant),
            Leak(statement: "SELECT set_config('app.tenant', 'a', false)", probe: tenant),
            Leak(statement: "SET ROLE pg_monitor", probe: "SELECT (current_user = 'pg_monitor')::int4"),
            Leak(statement: "SELECT pg_advisory_lock(4711)", probe: locks),
            Leak(statement: "SELECT pg_try_advisory_lock_shared(4711)", probe: locks),
            Leak(statement: "CREATE TEMP TABLE left_behind (n int8)", probe: temporary),
            Leak(statement: "SELECT 1 AS n INTO TEMP left_behind", probe: temporary),
            Leak(statement: "LISTEN news", probe: "SELECT count(*) FROM pg_listening_channels()"),
            Leak(
                statement: "PREPARE left_behind AS SELECT 1",
                probe: "SELECT count(*) FROM pg_prepared_statements WHERE name = 'left_behind'"),
            Leak(
                statement: "DECLARE left_behind CURSOR WITH HOLD FOR SELECT 1",
                probe: "SELECT count(*) FROM pg_cursors WHERE name = 'left_behind'"
            ),
            Leak(statement: "DO $$ BEGIN PERFORM set_config('app.tenant', 'a', false); END $$", probe: tenant),
        ]

        private static let tenant = "SELECT (coalesce(current_setting('app.tenant', true), '') = 'a')::int4"
        private static let locks =
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"
        private static let temporary = "SELECT count(*) FROM pg_class WHERE relname = 'left_behind'"
    }

    /// On a server of the test's own database, for what the probes count is the whole session's.
    @Test(arguments: Leak.all, [true, false]) func sessionStateDoesNotLeakThroughThePool(
        _ leak: Leak, isPrepared: Bool
    ) async throws {
        try await TestDatabase.with { database in
            try await withTestClient(
                url: database.url,
                {
                    $0.maximumConnections = 1
                    $0.connection.preparedStatements = isPrepared
                }
            ) { client in
                let statement = PostgresQuery(unsafeSQL: leak.statement)
                let probe = PostgresQuery(unsafeSQL: leak.probe)
                let before = try await client.query(probe).decode(Int.self)
                // Twice, for the second time a statement may be known to the connection.
                for _ in 0..<2 {
                    let inside = try await client.withConnection { connection in
                        // A phase's transaction commits, and what it set in the session stays.
                        try await connection.withTransaction { try await $0.execute(statement) }
                        return try await connection.query(probe).decode(Int.self)
                    }
                    let after = try await client.query(probe).decode(Int.self)
                    #expect(before == [0] && inside == [1] && after == [0])
                }
            }
        }
    }

    @Test func aScriptLeavesNothingBehind() async throws {
        try await withTestClient({ $0.maximumConnections = 1 }) { client in
            // How every dump begins.
            try await client.executeScript("SELECT 1; SELECT pg_catalog.set_config('search_path', '', false);")
            let path = try await client.query("SHOW search_path").decode(String.self)
            #expect(path != [""])
        }
    }

    @Test func theSameConnectionIsLentOnAndItsStatementsArePreparedAnew() async throws {
        try await withTestClient({ $0.maximumConnections = 1 }) { client in
            var pids: Set<Int32> = []
            for _ in 0..<3 {
                for number in 1...3 {
                    let (same, pid) = try await client.query("SELECT \(number), pg_backend_pid()")
                        .decode((Int, Int32).self)[0]
                    #expect(same == number)
                    pids.insert(pid)
                }
                try await client.execute("SET statement_timeout = '1h'")
            }
            #expect(pids.count == 1)
        }
    }

    @Test func aConnectionThatSetNothingIsNotCleaned() async throws {
        try await withTestClient({ $0.maximumConnections = 1 }) { client in
            try await client.execute("SELECT set_config('app.tenant', 'a', true)")
            for _ in 0..<3 { try await client.execute("SELECT 1 AS kept") }
            // DISCARD ALL would have dropped it.
            let kept = try await client.query(
                "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%AS kept'"
            )
            .decode(Int.self)
            #expect(kept == [1])
        }
    }
}
