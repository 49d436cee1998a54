import Foundation
import Logging
import PostgresPQ
import ServiceLifecycle
import Testing
import Waymark
import WaymarkEngine
import WaymarkTesting

/// Holders that lose their key, their database or their process while a step is under way.
@Suite struct LossTests {
    /// The other holder has not moved the recovery point yet: the fence alone tells that the key is not ours any more.
    @Test(arguments: ["charged", "confirmed"])
    func aHolderThatLostItsKeyCommitsNothing(step: String) async throws {
        try await Harness.with { harness in
            let release = harness.script.hold(step)
            let order = Task { try await harness.order("k1") }
            try await eventually("the step is under way") { !harness.script.calls(of: step).isEmpty }
            try await harness.database.client.execute(
                "UPDATE waymark.keys SET fence = fence + 1, lease_until = now() + interval '1 hour'")
            let before = try await harness.snapshot()
            release()
            #expect(try await order.value.progress?.cause == .running)
            #expect(harness.script.calls(of: step).count == 1, "nor is it tried again")
            #expect(try await harness.snapshot() == before)
            #expect(try await harness.effects() == ["reserved"])
            #expect(try await DrainTests.remaining(harness.database) == 0)
        }
    }

    /// Finished by others and reaped while this holder slept; then the client's key came back, as a new request.
    @Test func aHolderWhoseKeyWasReapedTakesNoOtherRequestForItsOwn() async throws {
        try await Harness.with { harness in
            let release = harness.script.hold("confirmed")
            let order = Task { try await harness.order("k1") }
            try await eventually("the phase is under way") { !harness.script.calls(of: "confirmed").isEmpty }
            try await harness.database.client.execute(
                """
                UPDATE waymark.keys SET incarnation = gen_random_uuid(), recovery_point = 'finished', done = true,
                    response_status = 200, response_body = '{"charge": "theirs", "item": "book"}', expires_at = now(),
                    journal = '[{"step": "confirmed", "output": {"charge": "theirs", "item": "book"}}]'
                """)
            release()
            let outcome = try await order.value
            #expect(outcome.response?.charge == "theirs")
            #expect(outcome.isReplay)
            #expect(try await harness.effects() == ["reserved"])
        }
    }

    /// The same, while the new request stands where the old one stood: the old holder's fence was never the new row's.
    @Test func aHolderWhoseKeyWasEvictedCommitsNothingIntoItsSuccessor() async throws {
        try await Harness.with { harness in
            let release = harness.script.hold("confirmed")
            let order = Task { try await harness.order("k1") }
            try await eventually("the phase is under way") { !harness.script.calls(of: "confirmed").isEmpty }
            // The old holder's transaction has not written the row yet, so nothing keeps it from being removed.
            try await harness.database.client.execute("DELETE FROM waymark.keys")
            let other = try harness.another(Script())
            let hold = other.script.hold("confirmed")
            let successor = Task { try await other.order("k1") }
            try await eventually("its phase is under way too") { !other.script.calls(of: "confirmed").isEmpty }
            release()
            #expect(try await order.value.progress?.cause == .running)
            #expect(try await harness.effects() == ["reserved", "reserved"])
            hold()
            #expect(try await successor.value.response != nil)
            #expect(try await harness.effects() == ["confirmed", "reserved", "reserved"])
        }
    }

    @Test func aHolderThatCannotRenewStopsWhenItsLeaseEnds() async throws {
        try await TestDatabase.with(script: PlaceOrder.tables) { database in
            let proxy = try await FaultProxy.start(upstream: database.upstream)
            let script = Script()
            try await withPostgres(database.url(through: proxy)) { client in
                let through = TestDatabase(url: database.url, client: client)
                let saga = PlaceOrder(script: script, timeout: .hours(1))
                let harness = try Harness(database: through, script: script, saga: saga, lease: .milliseconds(500))
                let release = script.hold("charged")
                defer { release() }
                let service = Task { try await harness.orchestrator.run() }
                defer { service.cancel() }
                let order = Task { try await harness.order("k1") }
                try await eventually("the call is made") { !script.calls(of: "charged").isEmpty }
                proxy.setRules(.init(refusesConnections: true))
                proxy.resetAll()
                try await eventually("the call ends, though nobody releases it") { script.hasEnded("charged") }
                proxy.clearRules()
                _ = try await order.value
            }
            await proxy.stop()
        }
    }

    @Test func aStopCancelsWhatOutlivesItsGracePeriodAndWaitsForIt() async throws {
        try await Harness.with(gracePeriod: .milliseconds(50)) { harness in
            let release = harness.script.hold("charged")
            defer { release() }
            let group = ServiceGroup(services: [harness.orchestrator], logger: .init(label: "test"))
            let service = Task { try await group.run() }
            let call = Task { try await harness.order("k1") }
            try await eventually("the call is made") { !harness.script.calls(of: "charged").isEmpty }
            await group.triggerGracefulShutdown()
            try await eventually("the call ends, though nobody releases it") { harness.script.hasEnded("charged") }
            try await service.value
            let (point, attempts, holder) = try await harness.row(
                "k1", "recovery_point, attempts, locked_by", as: (String, Int, String?).self)
            #expect(point == "reserved")
            #expect(attempts == 0, "a stop is no failed attempt")
            #expect(holder == nil, "given back before the process ends")
            #expect(try await call.value.progress?.cause == .backoff)
        }
    }

    @Test func aClaimMadeWhileStoppingIsGivenBack() async throws {
        try await Harness.with { harness in
            harness.script.fail("charged", with: TransientError("busy", retryAfter: .seconds(300)))
            _ = try await harness.order("k1")
            try await harness.lapse()
            let service = Task { try await harness.orchestrator.run() }
            service.cancel()
            try await service.value
            #expect(try await harness.completionist().runOnce().lost == 1)
            let (fence, attempts, holder, isDue) = try await harness.row(
                "k1", "fence % 1000, attempts, locked_by, run_at <= now()", as: (Int, Int, String?, Bool).self)
            #expect(fence == 2)
            #expect(attempts == 1, "a claim that was not used burns no attempt")
            #expect(holder == nil)
            #expect(isDue)
            #expect(harness.script.calls(of: "charged").count == 1)
        }
    }

    @Test func aCompletionistTakesTheOldestFirstAndPassesByWhatAnotherIsTaking() async throws {
        try await Harness.with { harness in
            let keys = ["k1", "k2", "k3"]
            for key in keys {
                harness.script.fail("charged", with: TransientError("busy", retryAfter: .seconds(300)))
                _ = try await harness.order(key)
            }
            try await harness.database.client.execute(
                "UPDATE waymark.keys SET lease_until = now(), run_at = now() - right(key, 1)::int * interval '1 minute'"
            )
            var configuration = Completionist.Configuration()
            configuration.concurrency = 1
            let completionist = Completionist(harness.orchestrator, configuration: configuration)
            #expect(try await completionist.runOnce().finished == 1)
            let done = try await harness.database.client.query("SELECT key FROM waymark.keys WHERE done")
            #expect(try done.decode(String.self) == ["k3"])
            try await harness.database.client.withTransaction { tx in
                _ = try await tx.query("SELECT FROM waymark.keys WHERE key = 'k2' FOR UPDATE")
                try await withPostgres(harness.database.url + " options='-c lock_timeout=5s'") { client async throws in
                    let other = TestDatabase(url: harness.database.url, client: client)
                    let harness = try Harness(
                        database: other, script: harness.script, saga: PlaceOrder(script: harness.script))
                    let round = try await harness.completionist().runOnce()
                    #expect(round.claimed == 1)
                }
            }
        }
    }

    /// A process that is unplugged in the middle of a phase must not hold up whoever takes its key over.
    @Test func theServerEndsAPhaseThatGoesSilent() async throws {
        try await TestDatabase.with { database in
            let orchestrator = Orchestrator(postgres: database.client, sagas: try SagaRegistry([AskPatience()]))
            let outcome = try await orchestrator.run(
                AskPatience.self, key: IdempotencyKey("k1"), scope: Scope("tenant:1"), request: Order(item: "book"))
            #expect(outcome.response?.item == "22s", "the phase's timeout and one lease")
            let outside = try await database.client.query("SHOW idle_in_transaction_session_timeout")
            #expect(try outside.decode(String.self) == ["0"])
        }
    }

    /// Answers with how long the server waits for a silent phase.
    private struct AskPatience: Saga {
        static let name = "ask-patience"

        var body: some Step<Order, Receipt> {
            AtomicPhase("asked", ask)
                .timeout(.seconds(7))
        }

        func ask(_ order: Order, _ tx: Transaction) async throws -> Receipt {
            let patience = try await tx.query("SHOW idle_in_transaction_session_timeout").decode(String.self)
            return Receipt(charge: order.item, item: patience.first ?? "")
        }
    }
}
