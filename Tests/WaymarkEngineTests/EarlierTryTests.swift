import Foundation
import PostgresPQ
import Testing
import Waymark
import WaymarkEngine
import WaymarkTesting

/// A holder that comes back to a row which is not as it left it, although nobody has claimed it.
@Suite struct EarlierTryTests {
    /// Evicted or reaped under its holder: the same call then accepts it again, and that is another operation to everybody.
    @Test func aKeyThatIsGoneIsAcceptedAsAnotherOperation() async throws {
        try await Harness.with { harness in
            let release = harness.script.hold("charged")
            let order = Task { try await harness.order("k1") }
            try await eventually("the call is made") { !harness.script.calls(of: "charged").isEmpty }
            let fence = try await harness.row("k1", "fence", as: (Int).self)
            try await harness.database.client.execute("DELETE FROM waymark.keys")
            release()
            #expect(try await order.value.response != nil)
            let keys = harness.script.calls(of: "charged")
            #expect(keys.count == 2)
            #expect(Set(keys).count == 2, "a foreign system remembers the first one's key")
            #expect(try await harness.row("k1", "fence", as: (Int).self) != fence)
        }
    }

    /// An earlier try's commit was still under way when this one's was sent: what is committed is not this try's value.
    @Test func anotherTrysResultIsNotTakenForOnesOwn() async throws {
        try await Harness.with { harness in
            let release = harness.script.hold("charged")
            let order = Task { try await harness.order("k1") }
            try await eventually("the call is made") { !harness.script.calls(of: "charged").isEmpty }
            try await harness.database.client.execute(
                """
                UPDATE waymark.keys SET recovery_point = 'charged',
                    journal = journal || jsonb_build_object('step', 'charged', 'output', jsonb_build_object(
                        'charge', 'theirs', 'reservation', journal -> 0 -> 'output'))
                """)
            release()
            #expect(try await order.value.progress?.cause == .running, "whoever is next reads the row")
            #expect(try await harness.effects() == ["reserved"], "what was done on ours is not committed")
        }
    }
}
