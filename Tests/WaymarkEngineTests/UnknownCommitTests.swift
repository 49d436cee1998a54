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
                try await eventually("the connection was cut") { proxy.counters.cuts == 1 }
                #expect(try await harness.effects() == ["confirmed", "reserved"])
                let step = commit == 1 ? "reserved" : "confirmed"
                #expect(script.calls(of: step).count == (isForwarded ? 1 : 2), "repeated only if it was not committed")
                #expect(script.calls(of: "charged").count == 1)
                let (fence, steps) = try await harness.row(
                    "k1", "fence, jsonb_array_length(journal)", as: (Int, Int).self)
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
}
