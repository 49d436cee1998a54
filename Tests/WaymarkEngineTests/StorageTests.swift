import Foundation
import PostgresPQ
import Testing
import Waymark
import WaymarkEngine
import WaymarkTesting

/// What the engine writes, and what that costs the table.
@Suite struct StorageTests {
    /// Three phases: the key is inserted with the first, and each of the others is one update. All but the last, which finishes
    /// the key, are HOT.
    @Test func aPhaseCostsOneHotRowUpdate() async throws {
        let requests = 40
        // A session reports its counts when it has been idle for a second, or ends: so the work has a pool of its own.
        try await Harness.with { harness in
            try await withPostgres(harness.database.url) { client in
                let worker = Orchestrator(postgres: client, sagas: try SagaRegistry([ThreePhases()]))
                for number in 1...requests {
                    let outcome = try await worker.run(
                        ThreePhases.self, key: IdempotencyKey("k\(number)"), scope: harness.scope, request: number)
                    #expect(outcome.response == number + 3)
                }
            }
            let statistics = try await eventually("the sessions have reported") {
                let rows = try await harness.database.client.query(
                    """
                    SELECT n_tup_ins, n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables
                    WHERE schemaname = 'waymark' AND relname = 'keys'
                    """
                ).decode((Int, Int, Int).self)
                return rows.first.flatMap { $0.0 == requests && $0.1 >= 2 * requests ? $0 : nil }
            }
            #expect(statistics.1 == 2 * requests, "one row update a transaction")
            #expect(statistics.2 == requests, "HOT for all but the last")
        }
    }

    @Test func aRenewalAndARetryAreTheOnlyOtherWrites() async throws {
        try await Harness.with { harness in
            harness.script.fail("charged", with: TransientError("once"))
            _ = try await harness.order("k1")
            let (steps, version) = try await harness.row(
                "k1", "jsonb_array_length(journal), saga_version", as: (Int, Int).self)
            #expect(steps == 3)
            #expect(version == 1)
        }
    }

    @Test func journalsWhatEachStepReturnedAndWho() async throws {
        try await Harness.with { harness in
            _ = try await harness.order("k1")
            let inspector = KeyInspector(postgres: harness.database.client)
            let details = try #require(
                try await inspector.show(scope: harness.scope, key: IdempotencyKey("k1"), values: true))
            #expect(details.journal.map(\.step) == ["reserved", "charged", "confirmed"])
            #expect(details.journal.allSatisfy { $0.attempt == 1 && $0.by.contains("/") })
            #expect(details.journal.last?.output == details.response)
            #expect(details.summary.state == .finished)
            #expect(details.leaseSeconds == nil)
            let discreet = try #require(try await inspector.show(details.summary.id))
            #expect(discreet.request == nil)
            #expect(discreet.journal.allSatisfy { $0.output == nil })
        }
    }

    @Test func listsByStateSagaAndScope() async throws {
        try await Harness.with { harness in
            _ = try await harness.order("k1")
            harness.script.fail("charged", with: TransientError("busy", retryAfter: .seconds(300)))
            _ = try await harness.order("k2")
            harness.script.fail("reserved", with: Rejection(status: 409, type: "sold_out", title: "Sold out"))
            _ = try await harness.order("k3")
            let inspector = KeyInspector(postgres: harness.database.client)
            #expect(try await inspector.list().map(\.key) == ["k3", "k2", "k1"])
            for (state, key) in [(KeySummary.State.finished, "k1"), (.backoff, "k2"), (.rejected, "k3")] {
                var filter = KeyInspector.Filter()
                filter.state = state
                #expect(try await inspector.list(filter).map(\.key) == [key])
            }
            var filter = KeyInspector.Filter()
            filter.scope = "tenant:2"
            #expect(try await inspector.list(filter).isEmpty)
        }
    }

    @Test func reapsOnlyFinishedKeysWhoseRetentionIsOver() async throws {
        try await Harness.with { harness async throws in
            _ = try await harness.order("old")
            _ = try await harness.order("fresh")
            harness.script.fail("charged", with: TransientError("busy", retryAfter: .seconds(300)))
            _ = try await harness.order("unfinished")
            try await harness.database.client.execute(
                """
                UPDATE waymark.keys SET expires_at = now() - interval '1 second', created_at = now() - interval '1 year'
                WHERE key <> 'fresh'
                """)
            let reaper = Reaper(postgres: harness.database.client)
            #expect(try await reaper.runOnce() == 1)
            #expect(try await reaper.runOnce() == 0)
            let keys = try await harness.database.client.query("SELECT key FROM waymark.keys ORDER BY key")
            #expect(try keys.decode(String.self) == ["fresh", "unfinished"])
            let again = try await harness.order("old")
            #expect(!again.isReplay)
            #expect(
                Set(harness.script.calls(of: "charged")).count == 4, "a reaped key is a new operation to others too")
        }
    }
}

private struct ThreePhases: Saga {
    static let name = "three-phases"

    var body: some Step<Int, Int> {
        AtomicPhase("one", next)
        AtomicPhase("two", next)
        AtomicPhase("three", next)
    }

    func next(_ number: Int, _ tx: Transaction) async throws -> Int {
        try await tx.execute("SELECT 1")
        return number + 1
    }
}
