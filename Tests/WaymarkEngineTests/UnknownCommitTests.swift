import Foundation
import Logging
import PostgresPQ
import Testing
import Waymark
import WaymarkEngine
import WaymarkTesting

/// The connection is lost after COMMIT was sent and before its answer: the row tells, the saga neither fails nor repeats.
@Suite struct UnknownCommitTests {
    /// COMMIT as a statement of its own on the wire, which READ COMMITTED is not.
    private static let commit = "COMMIT\0"

    /// Every commit of a ride-like saga in turn: 1 accepts with the first phase, 2 is the last phase's.
    @Test(arguments: [1, 2], [true, false])
    func theSagaNeitherFailsNorRepeats(commit: Int, isForwarded: Bool) async throws {
        try await TestDatabase.with(script: PlaceOrder.tables) { database in
            let proxy = try await FaultProxy.start(upstream: database.upstream)
            let script = Script()
            try await withPostgres(database.url(through: proxy), preparedStatements: false) { client in
                let through = TestDatabase(url: database.url, client: client)
                let harness = try Harness(database: through, script: script, saga: PlaceOrder(script: script))
                if commit == 1 { proxy.cutAfter(pattern: Self.commit, times: 1, forward: isForwarded) }
                let release = script.hold("charged")
                let order = Task { try await harness.order("k1") }
                try await eventually("the call is made") { !script.calls(of: "charged").isEmpty }
                if commit == 2 { proxy.cutAfter(pattern: Self.commit, times: 1, forward: isForwarded) }
                release()
                let outcome = try await order.value
                #expect(outcome.response != nil)
                #expect(!outcome.isReplay)
                // The proxy counts a cut when the server too has let go.
                try await eventually("the connection was cut") { proxy.counters.cuts == 1 }
                #expect(try await harness.effects() == ["confirmed", "reserved"])
                let step = commit == 1 ? "reserved" : "confirmed"
                #expect(script.calls(of: step).count == (isForwarded ? 1 : 2), "repeated only if it was not committed")
                #expect(script.calls(of: "charged").count == 1)
                let (fence, steps) = try await harness.row(
                    "k1", "fence % 1000, jsonb_array_length(journal)", as: (Int, Int).self)
                #expect(fence == 1)
                #expect(steps == 3)
            }
            await proxy.stop()
        }
    }

    @Test func aCallsResultIsNotLostWithTheConnection() async throws {
        try await TestDatabase.with(script: PlaceOrder.tables) { database in
            let proxy = try await FaultProxy.start(upstream: database.upstream)
            let script = Script()
            try await withPostgres(database.url(through: proxy), preparedStatements: false) { client in
                let through = TestDatabase(url: database.url, client: client)
                let harness = try Harness(database: through, script: script, saga: PlaceOrder(script: script))
                // The result's update is the first statement that appends to the journal outside of a transaction.
                let release = script.hold("charged")
                let order = Task { try await harness.order("k1") }
                try await eventually("the call is made") { !script.calls(of: "charged").isEmpty }
                proxy.cutAfter(pattern: "journal = journal", times: 1, forward: true)
                release()
                #expect(try await order.value.response != nil)
                try await eventually("the connection was cut") { proxy.counters.cuts == 1 }
                #expect(script.calls(of: "charged").count == 1, "the call is not repeated for a lost answer of ours")
                #expect(try await harness.row("k1", "jsonb_array_length(journal)", as: (Int).self) == 3)
            }
            await proxy.stop()
        }
    }

    /// The row does not show the COMMIT yet when we ask: the rerun has to lose against it, and its value against the row's.
    @Test func aCommitThatIsStillUnderWayWins() async throws {
        try await Self.withGate { gate, harness in
            // Accepted by itself, so that its first phase is rerun against a row that is there.
            harness.script.fail("reserved", with: TransientError("once"))
            let order = try await gate.overtakeCommit { Task { try await harness.order("k1") } }
            #expect(try await order.value.response != nil)
            #expect(try await harness.effects() == ["confirmed", "reserved"])
            let (isTheRows) = try await harness.row(
                "k1", "journal -> 0 -> 'output' ->> 'id' = journal -> 1 -> 'output' -> 'reservation' ->> 'id'",
                as: (Bool).self)
            #expect(isTheRows, "the next step gets what was committed, not what the rerun made")
        }
    }

    /// The same of a phase that stages jobs: the rerun has to find itself one too many, and not fail over their ids.
    @Test func theJobsOfACommitThatIsStillUnderWayAreNoErrorOfTheRerun() async throws {
        try await Self.withGate { gate, harness in
            let release = harness.script.hold("charged")
            let order = Task { try await harness.order("k1") }
            try await eventually("the call is made") { !harness.script.calls(of: "charged").isEmpty }
            try await gate.overtakeCommit(release)
            let outcome = try await order.value
            #expect(outcome.response != nil)
            #expect(!outcome.isReplay, "the commit is known for this request's own")
            #expect(harness.script.calls(of: "confirmed").count == 2)
            #expect(try await harness.effects() == ["confirmed", "reserved"])
            #expect(try await harness.database.client.query("SELECT FROM waymark.jobs").count == 2)
        }
    }

    private static func withGate(_ body: @escaping @Sendable (CommitGate, Harness) async throws -> Void) async throws {
        try await TestDatabase.with(script: PlaceOrder.tables + CommitGate.script) { database in
            let proxy = try await FaultProxy.start(upstream: database.upstream)
            let script = Script()
            try await withPostgres(database.url(through: proxy)) { client in
                let through = TestDatabase(url: database.url, client: client)
                let harness = try Harness(database: through, script: script, saga: PlaceOrder(script: script))
                try await body(CommitGate(database: database, proxy: proxy), harness)
            }
            await proxy.stop()
        }
    }
}

/// Holds up the COMMIT of whoever has an effect, while it is closed.
private struct CommitGate: Sendable {
    static let script = """
        CREATE TABLE gate ();
        CREATE FUNCTION pass_gate() RETURNS trigger LANGUAGE plpgsql AS
            'BEGIN LOCK TABLE gate IN ACCESS SHARE MODE; RETURN NULL; END';
        CREATE CONSTRAINT TRIGGER slow_commit AFTER INSERT ON effects DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW EXECUTE FUNCTION pass_gate();
        """

    let database: TestDatabase
    let proxy: FaultProxy

    /// Cuts the connection of the COMMIT that `start` leads to, and lets the COMMIT through once its rerun waits for it.
    func overtakeCommit<Started: Sendable>(_ start: () -> Started) async throws -> Started {
        let (opened, opening) = AsyncStream<Void>.makeStream()
        async let closed: Void = database.client.withTransaction { tx in
            _ = try await tx.query("LOCK TABLE gate IN ACCESS EXCLUSIVE MODE")
            for await _ in opened {}
        }
        try await eventually("the gate is closed") { try await sessions("state = 'idle in transaction'") == 1 }
        let started = start()
        try await eventually("the commit is under way") { try await waiting() == 1 }
        proxy.resetAll()
        try await eventually("the rerun waits for it") { try await waiting() == 2 }
        opening.finish()
        try await closed
        return started
    }

    private func waiting() async throws -> Int { try await sessions("wait_event_type = 'Lock'") }

    private func sessions(_ condition: String) async throws -> Int {
        try await database.client.query(
            "SELECT FROM pg_stat_activity WHERE datname = current_database() AND \(unescaped: condition)"
        ).count
    }
}
