import Foundation
import PostgresPQ
import Testing
import Waymark
import WaymarkEngine
import WaymarkTesting

/// A person says what came of a call.
@Suite struct OperatorResolveTests {
    private static let payment =
        #"{"charge":"by hand","reservation":{"id":"0E1A4B0C-8C8B-4E7C-9F5F-2B8E1D1E7C11","item":"book"},"note":"x"}"#

    @Test func whatHappenedIsCommittedAsTheCallsResult() async throws {
        try await Desk.with { desk async throws in
            let seen = try await desk.parkedPayout()
            #expect(seen.recoveryPoint == "withdrawn:begun")
            try await desk.keys.resolve(seen, as: .happened(output: Self.payment), reason: "seen on the statement")
            let (point, entry) = try await desk.row(
                "recovery_point, ((journal -> -1) - 'at' - 'output')::text", as: (String, String).self)
            #expect(point == "withdrawn")
            #expect(
                entry == #"{"by": "anna", "mark": "resolved", "step": "withdrawn", "attempt": 1}"#)
            let (output) = try await desk.row("(journal -> -1 -> 'output' -> 'note')::text", as: String?.self)
            #expect(output == nil, "stored as the step's type encodes it")
            #expect(try await desk.complete().finished == 1)
            #expect(try await desk.payout().response?.charge == "by hand")
            #expect(desk.script.calls(of: "withdrawn").count == 1)
        }
    }

    @Test func whatWasResolvedIsUndoneToo() async throws {
        try await Desk.with { desk async throws in
            let seen = try await desk.parkedPayout()
            try await desk.keys.resolve(seen, as: .happened(output: Self.payment), reason: "r")
            desk.script.fail("noted", with: Rejection(status: 402, type: "no", title: "No"))
            #expect(try await desk.complete().finished == 1)
            #expect(desk.script.calls(of: "deposit") == ["by hand"])
            #expect(try await desk.payout().rejection?.status == 402)
        }
    }

    @Test func whatDidNotHappenIsCalledAgain() async throws {
        try await Desk.with { desk async throws in
            let seen = try await desk.parkedPayout()
            let entry = try await desk.keys.resolve(seen, as: .didNotHappen, reason: "r")
            #expect(entry.after?.point == "booked")
            #expect(try await desk.complete().finished == 1)
            #expect(desk.script.calls(of: "withdrawn").count == 2)
            #expect(Set(desk.script.calls(of: "withdrawn")).count == 1)
        }
    }

    @Test func anOutputOfAnotherTypeIsRefused() async throws {
        try await Desk.with { desk async throws in
            let seen = try await desk.parkedPayout()
            let charge = String(repeating: "c", count: Limits.valueBytes)
            let long = Self.payment.replacing("by hand", with: charge)
            let wrong = [
                ("{}", "reservation is missing"), ("not json", "json"), ("null", ""),
                (#"{"charge":1,"reservation":{}}"#, "reservation.item is missing"),
                (#"{"charge":1,"reservation":1}"#, "wrong type"),
                (#"{"charge":"c","reservation":{"item":"i","id":"no"}}"#, "reservation.id"),
                (long, "bytes"),
            ]
            for (json, words) in wrong {
                try await desk.refuses(.invalidOutput, saying: words) {
                    try await desk.keys.resolve(seen, as: .happened(output: json), reason: "r")
                }
            }
            try await desk.refuses(.invalidOutput) {
                try await desk.keys.resolve(seen, as: .happened(output: nil), reason: "r")
            }
        }
    }

    @Test func aCompensationIsResolvedToo() async throws {
        try await Desk.with { desk async throws in
            for key in ["k1", "k2"] {
                desk.script.fail("noted", with: Rejection(status: 402, type: "no", title: "No"))
                desk.script.fail("deposit", with: TransientError("silence"))
                #expect(try await desk.payout(key).parkedReason == .outcomeUnknown)
                let seen = try await desk.seen(key)
                #expect(seen.recoveryPoint == "withdrawn:undoing")
                try await desk.refuses(.invalidOutput) {
                    try await desk.keys.resolve(seen, as: .happened(output: "{}"), reason: "r")
                }
            }
            let happened = try await desk.keys.resolve(desk.seen("k1"), as: .happened(output: nil), reason: "r")
            #expect(happened.after?.point == "withdrawn:undone")
            let didNot = try await desk.keys.resolve(desk.seen("k2"), as: .didNotHappen, reason: "r")
            #expect(didNot.after?.point == "withdrawn")
            #expect(didNot.after?.direction == "compensating")
            #expect(try await desk.complete().finished == 2)
            #expect(desk.script.calls(of: "deposit").count == 3, "the one that did not happen is called again")
            #expect(desk.script.calls(of: "unbook").count == 2)
            #expect(try await desk.payout("k1").rejection?.status == 402)
        }
    }

    @Test func theLastStepsResultIsTheAnswerAndWakesTheParent() async throws {
        try await Desk.with { desk async throws in
            desk.script.fail("pinged", with: TransientError("silence"))
            #expect(try await desk.run(AskPing.self, Order(item: "book")).progress != nil)
            #expect(try await desk.complete().parked == 1)
            var filter = KeyInspector.Filter()
            filter.state = .parked
            let child = try #require(try await desk.keys.find(filter).first)
            let entry = try await desk.keys.resolve(
                child, as: .happened(output: #"{"charge":"by hand","item":"book"}"#), reason: "r")
            #expect(entry.after?.done == true)
            #expect(entry.after?.status == 200)
            #expect(try await desk.complete().finished == 1, "the parent goes on")
            #expect(try await desk.run(AskPing.self, Order(item: "book")).response?.charge == "by hand")
        }
    }

    @Test func aCallPastItsHorizonIsMadeAgainOnlyIfItDidNotHappen() async throws {
        try await Desk.with { desk async throws in
            desk.script.fail("charged", with: TransientError("busy", retryAfter: .seconds(300)))
            _ = try await desk.run(PlaceOrder.self, Order(item: "book"))
            try await desk.change(
                "progressed_at = now() - interval '2 hours', run_at = now(), lease_until = now()")
            #expect(try await desk.complete().parked == 1)
            let seen = try await desk.seen()
            #expect(seen.parkedReason == "horizon_passed")
            try await desk.keys.resolve(seen, as: .didNotHappen, reason: "r")
            #expect(try await desk.complete().finished == 1)
            #expect(desk.script.calls(of: "charged").count == 2)
        }
    }

    @Test func refusesWhatIsNoParkedCall() async throws {
        try await Desk.with { desk async throws in
            let phase = try await desk.exhaustedPayout("k1")
            try await desk.refuses(.refused, saying: "no foreign call") {
                try await desk.keys.resolve(phase, as: .didNotHappen, reason: "r")
            }
            let call = try await desk.parkedPayout("k2")
            try await desk.refuses(.refused, saying: "withdrawn") {
                try await desk.keys.resolve(call, as: .didNotHappen, step: "noted", reason: "r")
            }
            try await desk.database.client.execute(
                "UPDATE waymark.keys SET parked_reason = 'unstorable_output' WHERE id = \(call.id)")
            let unstorable = try await desk.seen("k2")
            try await desk.refuses(.refused, saying: "unstorable_output") {
                try await desk.keys.resolve(unstorable, as: .didNotHappen, reason: "r")
            }
            _ = try await desk.payout("k3")
            let done = try await desk.seen("k3")
            try await desk.refuses(.refused) { try await desk.keys.resolve(done, as: .didNotHappen, reason: "r") }
        }
    }
}

extension Desk {
    /// Columns of the only key's row.
    func row<each Value: PostgresDecodable>(
        _ columns: String, as type: (repeat each Value).Type
    ) async throws -> (repeat each Value) {
        let rows = try await database.client.query("SELECT \(unescaped: columns) FROM waymark.keys")
        return try #require(rows.first).decode(type)
    }
}
