import Foundation
import PostgresPQ
import Testing
import Waymark
import WaymarkEngine
import WaymarkTesting

/// An event that arrives while the commit is under way that begins the wait for it.
@Suite struct EventRaceTests {
    /// The one that comes first holds the row and is not committed yet; the other waits for it, and then sees what it did.
    @Test(arguments: [true, false]) func neitherOverlooksTheOther(eventFirst: Bool) async throws {
        try await Harness.withEvents { harness in
            try await harness.database.client.executeScript(Self.holdBothUntilToldToGoOn)
            let release = harness.script.hang("priced")
            let running = Task { try await harness.purchase("k1") }
            try await eventually("the call is made") { !harness.script.calls(of: "priced").isEmpty }
            let signal = try await harness.database.client.withTransaction { tx in
                _ = try await tx.query("SELECT pg_advisory_xact_lock(1)")
                if !eventFirst {
                    release()
                    try await Self.waitForBlocked(1, harness)
                }
                let signal = Task { try await harness.approve("k1") }
                try await Self.waitForBlocked(eventFirst ? 1 : 2, harness)
                if eventFirst {
                    release()
                    try await Self.waitForBlocked(2, harness)
                }
                return signal
            }
            #expect(try await signal.value == .delivered)
            #expect(try await running.value.progress?.recoveryPoint == "approved:waiting")
            #expect(try await harness.isDue("k1"))
            #expect(try await harness.completionist().runOnce().finished == 1)
            #expect(try await harness.purchase("k1").response?.approval?.by == "mara")
        }
    }

    /// What was said to be delivered is received, also where the time ran out at that moment.
    @Test func theTimeRunsOutOnlyWithoutTheEvent() async throws {
        try await Harness.withEvents { harness in
            _ = try await harness.purchase("k1")
            try await harness.letWaitsPass()
            try await harness.database.client.executeScript(Self.holdWhatHoldersWrite)
            let round = try await harness.database.client.withTransaction { tx in
                _ = try await tx.query("SELECT pg_advisory_xact_lock(1)")
                let round = Task { try await harness.completionist().runOnce() }
                try await Self.waitForBlocked(1, harness)
                #expect(try await harness.approve("k1") == .delivered)
                return round
            }
            #expect(try await round.value.finished == 1)
            #expect(try await harness.purchase("k1").response?.approval?.by == "mara")
        }
    }

    /// A statement's trigger runs before it looks at any row.
    private static let holdWhatHoldersWrite = """
        CREATE FUNCTION hold_statement() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF current_query() LIKE '%AND fence = $%' THEN PERFORM pg_advisory_xact_lock_shared(1); END IF;
            RETURN NULL;
        END $$;
        CREATE TRIGGER hold_statement BEFORE UPDATE ON waymark.keys
            FOR EACH STATEMENT EXECUTE FUNCTION hold_statement();
        """

    private static func waitForBlocked(_ count: Int, _ harness: Harness) async throws {
        // In no transaction: one sees the same activity to its end.
        try await eventually("\(count) statements wait for a lock") {
            try await harness.database.client.query(
                """
                SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
                """
            ).decode(Int.self) == [count]
        }
    }

    /// A row's trigger runs when the row is locked and its new values are made.
    private static let holdBothUntilToldToGoOn = """
        CREATE FUNCTION hold_row() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF NEW.events <> OLD.events OR NEW.recovery_point LIKE '%:waiting' THEN
                PERFORM pg_advisory_xact_lock_shared(1);
            END IF;
            RETURN NEW;
        END $$;
        CREATE TRIGGER hold_row BEFORE UPDATE ON waymark.keys FOR EACH ROW EXECUTE FUNCTION hold_row();
        """

    @Test func nothingIsLostInManyRounds() async throws {
        let seed = UInt64.random(in: .min ... .max)
        print("seed \(seed)")
        try await Harness.withEvents(connections: 16) { harness in
            var generator = SeededGenerator(seed: seed)
            for round in 0..<20 {
                let release = harness.script.hang("priced")
                let keys = (0..<10).map { "k\(round)-\($0)" }
                let running = keys.map { key in Task { _ = try await harness.purchase(key) } }
                try await eventually("every call is made") {
                    harness.script.calls(of: "priced").count == (round + 1) * keys.count
                }
                let signals = keys.map { key in
                    let yields = Int.random(in: 0..<2_000, using: &generator)
                    return Task {
                        for _ in 0..<yields { await Task.yield() }
                        let delivery = try await harness.approve(key)
                        #expect(delivery == .delivered)
                    }
                }
                for _ in 0..<Int.random(in: 0..<2_000, using: &generator) { await Task.yield() }
                release()
                for task in running + signals { try await task.value }
                let due = try await harness.dueCount()
                #expect(due == keys.count, "round \(round), seed \(seed)")
                #expect(try await harness.completionist().runOnce().finished == keys.count, "seed \(seed)")
            }
            let (early, all) = try await harness.counts()
            print("\(early) of \(all) events came before the wait")
            #expect(all == 200)
        }
    }
}

extension Harness {
    fileprivate func dueCount() async throws -> Int {
        let query: PostgresQuery =
            "SELECT count(*) FROM waymark.keys WHERE NOT done AND run_at <= now() AND lease_until <= now()"
        return try await database.client.query(query).decode(Int.self)[0]
    }

    /// How many events came before the wait for them, and how many were received at all.
    fileprivate func counts() async throws -> (Int, Int) {
        let rows = try await database.client.query(
            """
            SELECT count(*) FILTER (WHERE (events -> 'approved' ->> 'at')::timestamptz < (call ->> 'at')::timestamptz),
                count(*) FILTER (WHERE response_body LIKE '%mara%')
            FROM waymark.keys, jsonb_path_query_first(journal, '$[*] ? (@.step == "priced")') AS call
            """)
        return try #require(rows.first).decode((Int, Int).self)
    }
}
