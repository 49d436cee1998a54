import PostgresPQ
import Testing
import Waymark
import WaymarkEngine
import WaymarkTesting

/// A failover has lost the claim of a holder who is still alive, and somebody else has claimed the key on the new timeline.
@Suite struct TimelineTests {
    /// The recovery point is the same for both, so the fence alone can tell them apart.
    @Test(arguments: ["charged", "confirmed"])
    func aHolderOfTheOldTimelineCommitsNothingIntoTheNewOne(step: String) async throws {
        try await Harness.with { harness in
            let client = harness.database.client
            harness.script.fail(step, with: TransientError("busy", retryAfter: .seconds(300)))
            _ = try await harness.order("k1")
            try await harness.lapse()
            // What the standby has received.
            try await client.executeScript("CREATE TABLE standby AS SELECT * FROM waymark.keys")
            let made = harness.script.calls(of: step).count
            let releaseOld = harness.script.hold(step)
            let old = Task { try await harness.completionist().runOnce() }
            try await eventually("the old holder is at work") { harness.script.calls(of: step).count > made }
            try await client.executeScript(
                "DELETE FROM waymark.keys; INSERT INTO waymark.keys SELECT * FROM standby; DROP TABLE standby")
            let other = try harness.another(Script())
            let releaseNew = other.script.hold(step)
            let new = Task { try await other.completionist().runOnce() }
            try await eventually("the new holder is at work") { !other.script.calls(of: step).isEmpty }
            let before = try await harness.snapshot()
            releaseOld()
            #expect(try await old.value.lost == 1)
            #expect(try await harness.snapshot() == before)
            releaseNew()
            #expect(try await new.value.finished == 1)
            #expect(try await harness.effects() == ["confirmed", "reserved"])
        }
    }
}
