import Foundation
import PostgresPQ
import Testing
import Waymark
import WaymarkEngine
import WaymarkTesting

/// Failures that may pass: attempts, backoff, parking.
@Suite struct RetryTests {
    @Test func aTransientFailureIsTriedAgainWhileTheClientWaits() async throws {
        try await Harness.with { harness async throws in
            harness.script.fail("reserved", with: TransientError("down"))
            harness.script.fail("confirmed", with: TransientError("down"), TransientError("down"))
            #expect(try await harness.order("k1").response != nil)
            #expect(try await harness.effects() == ["confirmed", "reserved"])
        }
    }

    @Test func parksWhenAttemptsAreUsedUp() async throws {
        try await Harness.with { harness in
            let errors = (1...4).map { TransientError("failure \($0)") }
            harness.script.fail("charged", with: errors[0], errors[1], errors[2], errors[3])
            #expect(try await harness.order("k1").parkedReason == .attemptsExhausted)
            #expect(harness.script.calls(of: "charged").count == 4)
            let (reason, error, isForEver, attempts) = try await harness.row(
                "k1", "parked_reason, last_error, run_at = 'infinity', attempts",
                as: (String, String, Bool, Int).self)
            #expect(reason == "attempts_exhausted")
            #expect(error.contains("failure 4"))
            #expect(isForEver)
            #expect(attempts == 4)
            #expect(try await harness.completionist().runOnce().claimed == 0)
            #expect(try await harness.order("k1").parkedReason == .attemptsExhausted)
        }
    }

    @Test func progressSetsAttemptsBack() async throws {
        try await Harness.with { harness async throws in
            for step in ["reserved", "charged", "confirmed"] {
                harness.script.fail(step, with: TransientError("1"), TransientError("2"), TransientError("3"))
            }
            #expect(try await harness.order("k1").response != nil)
        }
    }

    @Test(arguments: [("reserved", "started"), ("charged", "reserved")])
    func aLongBackoffGivesTheKeyBack(step: String, point: String) async throws {
        try await Harness.with { harness in
            harness.script.fail(step, with: TransientError("busy", retryAfter: .seconds(300)))
            let progress = try #require(try await harness.order("k1").progress)
            #expect(progress.cause == .backoff)
            #expect(progress.recoveryPoint == point)
            #expect(progress.retryAfter >= .seconds(299))
            #expect(
                try await harness.order("k1").progress?.cause == .backoff, "a client does not cut the backoff short")
            #expect(try await harness.completionist().runOnce().claimed == 0)
            try await harness.lapse()
            #expect(try await harness.completionist().runOnce().finished == 1)
            #expect(try await harness.order("k1").response != nil)
            #expect(harness.script.calls(of: step).count == 2)
        }
    }

    @Test func aHolderThatDiesBurnsAnAttempt() async throws {
        try await Harness.with { harness in
            harness.script.fail("charged", with: TransientError("busy", retryAfter: .seconds(300)))
            _ = try await harness.order("k1")
            // Five claims that never report back, as of processes that their key kills.
            try await harness.database.client.execute(
                "UPDATE waymark.keys SET attempts = 4, fence = fence + 3, lease_until = now(), run_at = now()")
            let round = try await harness.completionist().runOnce()
            #expect(round.parked == 1)
            #expect(harness.script.calls(of: "charged").count == 1)
        }
    }

    @Test func aStepThatTakesTooLongIsCancelledAndTriedAgain() async throws {
        try await Harness.with(saga: { PlaceOrder(script: $0, timeout: .milliseconds(50)) }) { harness in
            let release = harness.script.hold("charged")
            defer { release() }
            let order = Task { try await harness.order("k1") }
            try await eventually("the call is repeated") { harness.script.calls(of: "charged").count >= 2 }
            release()
            _ = try await order.value
            let (error) = try await harness.row("k1", "coalesce(last_error, '')", as: (String).self)
            let charged = harness.script.calls(of: "charged")
            #expect(error.isEmpty || error.contains("timed out"))
            #expect(Set(charged).count == 1)
        }
    }

    @Test func isNotCalledAgainPastTheHorizon() async throws {
        try await Harness.with(saga: { PlaceOrder(script: $0, horizon: .hours(1)) }) { harness in
            harness.script.fail("charged", with: TransientError("busy", retryAfter: .seconds(300)))
            _ = try await harness.order("k1")
            try await harness.database.client.execute(
                "UPDATE waymark.keys SET progressed_at = now() - interval '59 minutes 55 seconds'")
            try await harness.lapse()
            #expect(try await harness.completionist().runOnce().parked == 1)
            #expect(harness.script.calls(of: "charged").count == 1)
            #expect(try await harness.order("k1").parkedReason == .horizonPassed)
        }
    }

    @Test(arguments: ["nul", "huge"]) func anOutputThatCannotBeStoredParksAndIsNotCalledFor(again item: String)
        async throws
    {
        try await Harness.with { harness in
            let outcome = try await harness.orchestrator.run(
                Notify.self, key: IdempotencyKey("n1"), scope: harness.scope, request: Order(item: item))
            #expect(outcome.parkedReason == .unstorableOutput)
            #expect(harness.script.calls(of: "notified").count == 1)
        }
    }

    @Test func anErrorTextThatCannotBeStoredIsNoObstacle() async throws {
        try await Harness.with { harness async throws in
            harness.script.fail("charged", with: TransientError("a\0b\u{7}c", retryAfter: .seconds(300)))
            #expect(try await harness.order("k1").progress?.cause == .backoff)
            #expect(try await harness.row("k1", "last_error", as: (String).self) == "TransientError: a b c")
        }
    }

    @Test func anotherDatabasesErrorIsATransientOne() async throws {
        try await Harness.with { harness async throws in
            let away = PostgresError(.connectionLost, "some other database is away")
            harness.script.fail("charged", with: away, away, away, away)
            #expect(try await harness.order("k1").parkedReason == .attemptsExhausted)
            #expect(harness.script.calls(of: "charged").count == 4)
        }
    }

    @Test func aSerializationConflictIsRerunInPlace() async throws {
        try await Harness.with { harness in
            let conflict = PostgresError(.server, "could not serialize", sqlState: .serializationFailure)
            harness.script.fail("confirmed", with: conflict, conflict, conflict)
            #expect(try await harness.order("k1").response != nil)
            let (attempt) = try await harness.row("k1", "(journal -> -1 ->> 'attempt')::int", as: (Int).self)
            #expect(attempt == 1, "a rerun is not an attempt")
        }
    }
}
