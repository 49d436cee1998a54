import Foundation
import Logging
import PostgresPQ
import ServiceLifecycle
import Testing
import Waymark
import WaymarkTesting

@testable import WaymarkEngine

/// Holders that die, sleep or lose their connection, and those who go on.
@Suite struct RecoveryTests {
    @Test func theCompletionistFinishesWhatAHolderLeft() async throws {
        try await Harness.with { harness in
            // A holder that is stuck in its call, and whose lease has lapsed, is as good as dead.
            let release = harness.script.hold("charged")
            async let stuck = harness.order("k1")
            try await eventually("the call is made") { harness.script.calls(of: "charged").count == 1 }
            try await harness.lapse()
            let other = Script()
            #expect(try await harness.another(other).completionist().runOnce().finished == 1)
            release()
            let outcome = try await stuck
            #expect(outcome.response != nil, "whoever asked gets the answer that another runner committed")
            #expect(outcome.isReplay)
            #expect(
                harness.script.calls(of: "charged") == other.calls(of: "charged"), "the same call to the other side")
            #expect(try await harness.effects() == ["confirmed", "reserved"])
            #expect(try await harness.row("k1", "fence % 1000", as: (Int).self) == 2)
        }
    }

    @Test func aZombiesPhaseLeavesNoTrace() async throws {
        try await Harness.with { harness in
            let release = harness.script.hold("confirmed")
            let zombie = Task { try await harness.order("k1") }
            try await eventually("the zombie is in its phase") { harness.script.calls(of: "confirmed").count == 1 }
            // The key goes to another process, which finishes it while the zombie's transaction is still open.
            try await harness.lapse()
            let other = try harness.another(Script())
            #expect(try await other.completionist().runOnce().finished == 1)
            release()
            let outcome = try await zombie.value
            #expect(outcome.response?.item == "book", "whoever asked gets the answer that is committed")
            #expect(outcome.isReplay)
            #expect(try await harness.effects() == ["confirmed", "reserved"])
            let jobs = try await harness.database.client.query("SELECT count(*) FROM waymark.jobs").decode(Int.self)
            #expect(jobs == [2])
        }
    }

    @Test func aLostLeaseCancelsWhatRuns() async throws {
        // No timeout of the step ends the call.
        let saga = { PlaceOrder(script: $0, timeout: .hours(1)) }
        try await Harness.with(lease: .milliseconds(300), saga: saga) { harness in
            let release = harness.script.hold("charged")
            defer { release() }
            let service = Task { try await harness.orchestrator.run() }
            defer { service.cancel() }
            let call = Task { try await harness.order("k1") }
            try await eventually("the call is made") { harness.script.calls(of: "charged").count == 1 }
            try await harness.database.client.execute(
                """
                UPDATE waymark.keys SET fence = fence + 1, lease_until = now() + interval '1 hour',
                    run_at = now() + interval '1 hour'
                """)
            // Because the renewal finds the fence moved.
            try await eventually("the call ends, though nobody releases it") { harness.script.hasEnded("charged") }
            #expect(try await call.value.progress != nil)
        }
    }

    @Test func aLeaseIsRenewedWhileACallRuns() async throws {
        try await Harness.with(lease: .seconds(6)) { harness in
            let release = harness.script.hold("charged")
            let service = Task { try await harness.orchestrator.run() }
            defer { service.cancel() }
            let call = Task { try await harness.order("k1") }
            try await eventually("the call is made") { harness.script.calls(of: "charged").count == 1 }
            let (locked) = try await harness.row("k1", "locked_at", as: (Date).self)
            try await eventually("the lease is renewed twice, at a third of its length each") {
                try await harness.row("k1", "least(lease_until, run_at)", as: (Date).self)
                    > locked.addingTimeInterval(9)
            }
            #expect(try await harness.another().completionist().runOnce().claimed == 0)
            release()
            #expect(try await call.value.response != nil)
            #expect(try await harness.row("k1", "fence % 1000", as: (Int).self) == 1)
        }
    }

    @Test func aStopHandsBackWithoutBurningAnAttempt() async throws {
        try await Harness.with { harness in
            let release = harness.script.hold("charged")
            let group = ServiceGroup(services: [harness.orchestrator], logger: .init(label: "test"))
            let service = Task { try await group.run() }
            let call = Task { try await harness.order("k1") }
            try await eventually("the call is made") { harness.script.calls(of: "charged").count == 1 }
            await group.triggerGracefulShutdown()
            try await eventually("nothing new is taken") {
                do {
                    _ = try await harness.orchestrator.run(
                        Notify.self, key: IdempotencyKey("n1"), scope: harness.scope, request: Order(item: "pen"))
                    return false
                } catch let error as WaymarkError {
                    return error.code == .stopping
                }
            }
            release()
            try await service.value
            #expect(try await call.value.progress?.cause == .backoff)
            let (point, attempts, holder) = try await harness.row(
                "k1", "recovery_point, attempts, locked_by", as: (String, Int, String?).self)
            #expect(point == "charged", "the step at hand was finished")
            #expect(attempts == 0)
            #expect(holder == nil)
            // The last of the other requests may have been handed back too.
            let round = try await harness.another().completionist().runOnce()
            #expect(round.finished == round.claimed, "\(round)")
            #expect(try await harness.row("k1", "done", as: (Bool).self))
        }
    }

    @Test func leavesAloneWhatItDoesNotKnow() async throws {
        try await Harness.with { harness in
            harness.script.fail("charged", with: TransientError("busy", retryAfter: .seconds(300)))
            _ = try await harness.order("k1")
            try await harness.database.client.execute("UPDATE waymark.keys SET recovery_point = 'from_the_future'")
            try await harness.lapse()
            #expect(try await harness.completionist().runOnce().claimed == 0)
            #expect(try await harness.order("k1").progress?.recoveryPoint == "from_the_future")
            #expect(try await harness.row("k1", "fence % 1000", as: (Int).self) == 1)
        }
    }

    @Test func parksWhatItCannotRead() async throws {
        try await Harness.with { harness in
            harness.script.fail("charged", with: TransientError("busy", retryAfter: .seconds(300)))
            _ = try await harness.order("k1")
            try await harness.database.client.execute(
                "UPDATE waymark.keys SET journal = jsonb_set(journal, '{0,output}', '{\"changed\": true}')")
            try await harness.lapse()
            #expect(try await harness.completionist().runOnce().parked == 1)
            #expect(try await harness.order("k1").parkedReason == .unreadableState)
        }
    }

    @Test func aBodyThatMakesItsOwnErrorOfACancellationParksNothing() async throws {
        try await Harness.with(gracePeriod: .milliseconds(50), saga: { PlaceOrder(script: $0, retry: .none) }) {
            harness in
            let group = ServiceGroup(services: [harness.orchestrator], logger: .init(label: "test"))
            let service = Task { try await group.run() }
            harness.script.ignoreCancellation(of: "charged", thenThrow: TransientError("the library gave up"))
            let call = Task { try await harness.order("k1") }
            try await eventually("the call is made") { harness.script.calls(of: "charged").count == 1 }
            await group.triggerGracefulShutdown()
            try await service.value
            #expect(try await call.value.progress?.cause == .backoff)
            let (reason, attempts) = try await harness.row("k1", "parked_reason, attempts", as: (String?, Int).self)
            #expect(reason == nil)
            #expect(attempts == 0)
        }
    }

    @Test func aHungBodyKeepsNeitherItsKeyNorTheProcess() async throws {
        // Time enough for another to finish the key before the first one hears that it has lost it.
        try await Harness.with(lease: .seconds(9)) { harness in
            let group = ServiceGroup(services: [harness.orchestrator], logger: .init(label: "test"))
            let service = Task { try await group.run() }
            let release = harness.script.hang("charged")
            let call = Task { try await harness.order("k1") }
            try await eventually("the call is made") { harness.script.calls(of: "charged").count == 1 }
            // The row goes to another; the body hears of nothing.
            try await harness.database.client.execute("UPDATE waymark.keys SET fence = fence + 1")
            try await harness.lapse()
            #expect(try await harness.another(Script()).completionist().runOnce().finished == 1)
            #expect(try await call.value.response != nil, "whoever asked is answered without the body")
            await group.triggerGracefulShutdown()
            try await service.value
            release()
        }
    }

    @Test func aRenewalDoesNotTakeBackWhatWasGivenBack() async throws {
        try await Harness.with { harness in
            harness.script.fail("charged", with: TransientError("busy", retryAfter: .seconds(300)))
            _ = try await harness.order("k1")
            let statements = KeyStatements(
                schema: .waymark, holder: ProcessIdentity.description, lease: .seconds(15), retention: .hours(24))
            let id = KeyIdentity.rowID(scope: harness.scope, key: try IdempotencyKey("k1"))
            let fence = try await harness.row("k1", "fence", as: (Int).self)
            let released = try await harness.database.client.query(statements.renew(id, fence: fence))
            #expect(released.isEmpty)
            try await harness.database.client.execute(
                "UPDATE waymark.keys SET parked_reason = 'attempts_exhausted', run_at = now(), locked_by = 'x'")
            #expect(try await harness.completionist().runOnce().claimed == 0, "a parked key is nobody's")
        }
    }
}
