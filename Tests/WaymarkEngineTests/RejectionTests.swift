import Foundation
import PostgresPQ
import Testing
import Waymark
import WaymarkEngine
import WaymarkTesting

/// A definitive failure: what came before is undone, and the rejection is the answer for ever.
@Suite struct RejectionTests {
    let declined = Rejection(status: 402, type: "card_declined", title: "Declined")

    @Test func undoesWhatCameBeforeAndAnswersWithTheRejection() async throws {
        try await Harness.with { harness in
            harness.script.fail("charged", with: declined)
            let outcome = try await harness.order("k1")
            #expect(outcome.rejection == declined)
            #expect(!outcome.isReplay)
            #expect(try await harness.effects() == ["reserved", "unreserved"])
            #expect(harness.script.calls(of: "refund").isEmpty, "the call that was refused did not happen")

            let repeated = try await harness.order("k1")
            #expect(repeated.rejection == declined)
            #expect(repeated.isReplay)
            let (point, direction, status, done) = try await harness.row(
                "k1", "recovery_point, direction, response_status, done", as: (String, String, Int, Bool).self)
            #expect(point == "finished")
            #expect(direction == "compensating")
            #expect(status == 402)
            #expect(done)
        }
    }

    @Test func undoesInReverseWithKeysOfItsOwn() async throws {
        try await Harness.with { harness in
            harness.script.fail("confirmed", with: declined)
            #expect(try await harness.order("k1").rejection == declined)
            #expect(try await harness.effects() == ["reserved", "unreserved"])
            let refunds = harness.script.calls(of: "refund")
            #expect(refunds.count == 1)
            #expect(refunds != harness.script.calls(of: "charged"))
            let (steps) = try await harness.row(
                "k1", "(SELECT array_agg(e ->> 'step') FROM jsonb_array_elements(journal) AS e)", as: ([String]).self)
            #expect(steps == ["reserved", "charged", "charged:undone", "reserved:undone"])
        }
    }

    @Test func aFirstStepThatRejectsLeavesItsAnswerAndNothingElse() async throws {
        try await Harness.with { harness async throws in
            harness.script.fail("reserved", with: declined)
            #expect(try await harness.order("k1").rejection == declined)
            #expect(try await harness.effects().isEmpty)
            #expect(try await harness.order("k1").isReplay)
            #expect(harness.script.calls(of: "reserved").count == 1)
        }
    }

    @Test func aCompensationThatFailsIsTriedAgain() async throws {
        try await Harness.with { harness async throws in
            harness.script.fail("confirmed", with: declined)
            harness.script.fail("refund", with: TransientError("down"), TransientError("down"))
            #expect(try await harness.order("k1").rejection == declined)
            #expect(harness.script.calls(of: "refund").count == 3)
            #expect(Set(harness.script.calls(of: "refund")).count == 1)
        }
    }

    @Test func aCompensationThatCannotSucceedParks() async throws {
        try await Harness.with { harness async throws in
            harness.script.fail("charged", with: declined)
            harness.script.fail(
                "unreserve", with: TransientError("1"), TransientError("2"), TransientError("3"), TransientError("4"))
            #expect(try await harness.order("k1").parkedReason == .attemptsExhausted)
            #expect(try await harness.order("k1").parkedReason == .attemptsExhausted)
            #expect(try await harness.effects() == ["reserved"])
        }
    }

    @Test func compensationsGoOnInAnotherProcess() async throws {
        try await Harness.with { harness in
            harness.script.fail("confirmed", with: declined)
            harness.script.fail("unreserve", with: TransientError("down", retryAfter: .seconds(60)))
            #expect(try await harness.order("k1").progress?.cause == .backoff)
            #expect(harness.script.calls(of: "refund").count == 1)
            try await harness.lapse()
            let round = try await harness.another().completionist().runOnce()
            #expect(round.claimed == 1)
            #expect(round.finished == 1)
            #expect(try await harness.order("k1").rejection == declined)
            #expect(harness.script.calls(of: "refund").count == 1, "what was undone is not undone again")
            #expect(try await harness.effects() == ["reserved", "unreserved"])
        }
    }
}
