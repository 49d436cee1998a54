import Foundation
import PostgresPQ
import Testing
import Waymark
import WaymarkEngine
import WaymarkTesting

/// A person ends a request that has no answer yet.
@Suite struct OperatorRejectTests {
    private let rejection = Rejection(status: 410, type: "gone", title: "Gone")

    @Test func undoesWhatWasDone() async throws {
        try await Desk.with { [rejection] desk async throws in
            let entry = try await desk.keys.reject(desk.exhaustedPayout(), with: rejection, reason: "r")
            #expect(entry.after?.direction == "compensating")
            #expect(entry.after?.status == 410)
            #expect(try await desk.complete().finished == 1)
            #expect(desk.script.calls(of: "deposit").count == 1)
            #expect(desk.script.calls(of: "unbook").count == 1)
            #expect(try await desk.payout().rejection == rejection)
        }
    }

    @Test func finishesAtOnceWhereNothingIsToBeUndone() async throws {
        try await Desk.with { [rejection] desk async throws in
            desk.script.fail("booked", with: TransientError("busy", retryAfter: .seconds(300)))
            #expect(try await desk.payout().progress?.cause == .backoff)
            let entry = try await desk.keys.reject(desk.seen(), with: rejection, reason: "r")
            #expect(entry.after?.done == true)
            let outcome = try await desk.payout()
            #expect(outcome.rejection == rejection)
            #expect(outcome.isReplay)
            try await desk.keys.evict(desk.seen(), reason: "r")
        }
    }

    @Test func wakesTheParent() async throws {
        try await Desk.with { [rejection] desk async throws in
            desk.script.fail("pinged", with: TransientError("silence"))
            _ = try await desk.run(AskPing.self, Order(item: "book"))
            #expect(try await desk.complete().parked == 1)
            let parent = try await desk.seen()
            try await desk.refuses(.refused, saying: "ping") {
                try await desk.keys.reject(parent, with: rejection, reason: "r")
            }
            var filter = KeyInspector.Filter()
            filter.saga = "ping"
            let child = try #require(try await desk.keys.find(filter).first)
            try await desk.keys.resolve(child, as: .didNotHappen, reason: "r")
            let again = try #require(try await desk.keys.find(filter).first)
            try await desk.keys.reject(again, with: rejection, reason: "r")
            #expect(try await desk.complete().finished == 1)
            #expect(try await desk.run(AskPing.self, Order(item: "book")).rejection == rejection)
        }
    }

    @Test func refusesWhatItWouldNotUndo() async throws {
        try await Desk.with { [rejection] desk async throws in
            let unknown = try await desk.parkedPayout("k1")
            try await desk.refuses(.refused, saying: "resolve") {
                try await desk.keys.reject(unknown, with: rejection, reason: "r")
            }
            let seen = try await desk.exhaustedPayout("k2")
            let entry = #"{"step": "gone_since", "output": 1, "at": "", "attempt": 1, "by": ""}"#
            try await desk.database.client.execute(
                "UPDATE waymark.keys SET journal = journal || \(PostgresJSONText(entry))::jsonb WHERE id = \(seen.id)")
            try await desk.refuses(.refused, saying: "declaration") {
                try await desk.keys.reject(seen, with: rejection, reason: "r")
            }
        }
    }

    /// A call with a key may have happened too: nothing would undo it.
    @Test func refusesWhileACallWithAKeyIsOfUnknownOutcome() async throws {
        try await Desk.with { [rejection] desk async throws in
            desk.script.fail("charged", with: TransientError("silence", retryAfter: .minutes(5)))
            _ = try await desk.run(PlaceOrder.self, Order(item: "book"))
            try await desk.change("progressed_at = now() - interval '2 hours', run_at = now()")
            #expect(try await desk.complete().parked == 1)
            let seen = try await desk.seen()
            #expect(seen.parkedReason == "horizon_passed")
            try await desk.refuses(.refused, saying: "resolve") {
                try await desk.keys.reject(seen, with: rejection, reason: "r")
            }
        }
    }

    @Test func refusesKeysThatAreHeldOrOnTheirWayBackOrDone() async throws {
        try await Desk.with { [rejection] desk async throws in
            let seen = try await desk.exhaustedPayout("k1")
            try await desk.change("parked_reason = NULL, lease_until = now() + interval '1 hour'")
            let held = try await desk.seen("k1")
            try await desk.refuses(.refused, saying: "take it over") {
                try await desk.keys.reject(held, with: rejection, reason: "r")
            }
            try await desk.change("parked_reason = '\(seen.parkedReason ?? "")', lease_until = now()")
            try await desk.keys.reject(seen, with: rejection, reason: "r")
            let back = try await desk.seen("k1")
            try await desk.refuses(.refused, saying: "undone") { try await desk.keys.compensate(back, reason: "r") }
            _ = try await desk.complete()
            let done = try await desk.seen("k1")
            try await desk.refuses(.refused, saying: "answer") { try await desk.keys.compensate(done, reason: "r") }
        }
    }
}
