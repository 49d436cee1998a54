import Foundation
import PostgresPQ
import Testing
import Waymark
import WaymarkTesting

@testable import WaymarkEngine

/// Retry, release and eviction by a person, and the trail of them.
@Suite struct OperatorTests {
    @Test func aRetriedKeyGoesOnWithAllItsAttempts() async throws {
        try await Desk.with { desk async throws in
            let seen = try await desk.exhaustedPayout()
            let entry = try await desk.keys.retry(seen, reason: "the disk is mended")
            #expect(entry.before.parked == "attempts_exhausted")
            #expect(entry.after?.parked == nil)
            #expect(entry.after?.attempts == 0)
            #expect(entry.after?.error == entry.before.error, "the last error is kept")
            #expect(entry.after?.fence == seen.fence + 1)
            #expect(try await desk.complete().finished == 1)
            #expect(try await desk.payout().response?.charge == "called")
            #expect(desk.script.calls(of: "withdrawn").count == 1)
        }
    }

    @Test func leavesATrailThatOutlivesTheKey() async throws {
        try await Desk.with { desk async throws in
            try await desk.keys.retry(desk.exhaustedPayout(), reason: "first")
            _ = try await desk.complete()
            try await desk.keys(by: "bert").evict(desk.seen(), reason: "a wrong answer")
            let trail = try await desk.audit()
            #expect(trail.map(\.verb) == ["retry", "evict"])
            #expect(trail.map(\.actor) == ["anna", "bert"])
            #expect(trail.map(\.reason) == ["first", "a wrong answer"])
            #expect(trail[1].before.done)
            #expect(trail[1].before.status == 200)
            #expect(trail[1].after == nil)
            let text = try await desk.database.client.query("SELECT before::text || after::text FROM waymark.audit")
                .decode(String?.self).compactMap(\.self).joined()
            #expect(!text.contains("called") && !text.contains("book\""), "no values")
            #expect(try await desk.payout().isReplay == false, "a repeat executes anew")
            #expect(desk.script.calls(of: "withdrawn").count == 2)
            let details = try #require(
                try await KeyInspector(postgres: desk.database.client).show(desk.seen().id))
            #expect(details.audit == trail)
        }
    }

    @Test func aHolderWhoseLeaseIsBrokenCommitsNothing() async throws {
        try await Desk.with { desk async throws in
            let open = desk.script.hold("withdrawn")
            let zombie = Task { try await desk.payout() }
            try await eventually("the call is made") { desk.script.calls(of: "withdrawn").count == 1 }
            try await desk.keys.release(desk.seen(), reason: "it hangs")
            #expect(try await desk.complete().parked == 1, "nobody knows what came of the call")
            let before = try await desk.snapshot()
            open()
            #expect(try await zombie.value.parkedReason == .outcomeUnknown)
            #expect(try await desk.snapshot() == before)
        }
    }

    @Test func aReleasedKeyDoesNotWaitForItsBackoff() async throws {
        try await Desk.with { desk async throws in
            desk.script.fail("charged", with: TransientError("busy", retryAfter: .seconds(300)))
            let progress = try await desk.run(PlaceOrder.self, Order(item: "book")).progress
            #expect(progress?.cause == .backoff)
            #expect(try await desk.complete().claimed == 0)
            try await desk.keys.release(desk.seen(), reason: "it is back")
            #expect(try await desk.complete().finished == 1)
        }
    }

    @Test func refusesWhatAVerbIsNotFor() async throws {
        try await Desk.with { desk async throws in
            let unknown = try await desk.parkedPayout()
            try await desk.refuses(.refused, saying: "resolve") { try await desk.keys.retry(unknown, reason: "r") }
            try await desk.refuses(.refused, saying: "parked") { try await desk.keys.release(unknown, reason: "r") }
            try await desk.refuses(.refused, saying: "no answer") { try await desk.keys.evict(unknown, reason: "r") }
            try await desk.change("parked_reason = 'horizon_passed'")
            let passed = try await desk.seen()
            try await desk.refuses(.refused, saying: "resolve") { try await desk.keys.retry(passed, reason: "r") }
            try await desk.change("parked_reason = NULL, run_at = now(), lease_until = now()")
            let due = try await desk.seen()
            try await desk.refuses(.refused, saying: "not parked") { try await desk.keys.retry(due, reason: "r") }
            try await desk.refuses(.refused, saying: "due") { try await desk.keys.release(due, reason: "r") }
            try await desk.change("recovery_point = 'x:asleep', run_at = now() + interval '1 hour'")
            let asleep = try await desk.seen()
            try await desk.refuses(.refused, saying: "backoff") { try await desk.keys.release(asleep, reason: "r") }
            _ = try await desk.payout("k2")
            let done = try await desk.seen("k2")
            try await desk.refuses(.refused, saying: "answer") { try await desk.keys.retry(done, reason: "r") }
            try await desk.refuses(.refused, saying: "answer") { try await desk.keys.release(done, reason: "r") }
        }
    }

    @Test func aDryRunTellsAndDoesNothing() async throws {
        try await Desk.with { desk async throws in
            let seen = try await desk.exhaustedPayout()
            let before = try await desk.snapshot()
            let dry = desk.keys(by: "anna", isDryRun: true)
            let told = try await dry.compensate(seen, reason: "r")
            #expect(told.after?.direction == "compensating")
            #expect(try await desk.snapshot() == before)
            let done = try await desk.keys.compensate(seen, reason: "r")
            #expect(done.after == told.after)
        }
    }

    @Test func findsKeysByWhatTheyAreParkedFor() async throws {
        try await Desk.with { desk async throws in
            let exhausted = try await desk.exhaustedPayout("k1")
            let unknown = try await desk.parkedPayout("k2")
            var filter = KeyInspector.Filter()
            filter.state = .parked
            #expect(Set(try await desk.keys.find(filter)) == [exhausted, unknown])
            filter.parkedReason = .outcomeUnknown
            #expect(try await desk.keys.find(filter) == [unknown])
        }
    }
}
