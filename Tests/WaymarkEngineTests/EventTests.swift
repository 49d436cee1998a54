import Foundation
import PostgresPQ
import Testing
import Waymark
import WaymarkEngine
import WaymarkTesting

/// Events from outside, and the requests that wait for them.
@Suite struct EventTests {
    @Test func wakesARequestThatWaits() async throws {
        try await Harness.withEvents { harness in
            let waiting = try await harness.purchase("k1").progress
            #expect(waiting?.recoveryPoint == "approved:waiting")
            #expect(try await !harness.isDue("k1"))
            #expect(try await harness.approve("k1") == .delivered)
            #expect(try await harness.isDue("k1"), "at once")
            #expect(try await harness.completionist().runOnce().finished == 1)
            let answer = try await harness.purchase("k1")
            #expect(answer.response == Purchased(item: "press", approval: Approval(by: "mara")))
            #expect(harness.script.calls(of: "priced").count == 1)
        }
    }

    @Test func tellsAWaitFromABackoff() async throws {
        try await Harness.withEvents { harness async throws in
            for _ in 1...2 {
                #expect(try await harness.purchase("k1").progress?.cause == .waiting)
                #expect(try await harness.consign("k2", parcels: ["a", "b"]).progress?.cause == .waiting)
                #expect(try await harness.purchase("k1").progress.map { $0.retryAfter < .seconds(30) } == true)
            }
            harness.script.fail("priced", with: TransientError("busy", retryAfter: .seconds(300)))
            #expect(try await harness.purchase("k3").progress?.cause == .backoff)
            #expect(try await harness.purchase("k3").progress?.cause == .backoff, "and so says the row")
            let inspector = KeyInspector(postgres: harness.database.client)
            for (state, keys) in [(KeySummary.State.waiting, ["k2", "k1"]), (.backoff, ["k3"])] {
                var filter = KeyInspector.Filter()
                filter.state = state
                #expect(try await inspector.list(filter).map(\.key) == keys)
            }
        }
    }

    @Test func showsBranchesAndWhatArrived() async throws {
        try await Harness.withEvents { harness async throws in
            _ = try await harness.consign("k1", parcels: ["a", "b", "c"])
            _ = try await harness.sign("k1", 1, by: "jo")
            _ = try await harness.completionist().runOnce()
            try await harness.database.client.execute(
                """
                UPDATE waymark.keys SET events = events || '{"signed[2]": {"at": "2026-01-01T00:00:00+00:00"}}',
                    branches = jsonb_set(branches, '{2,parked}', '"attempts_exhausted"')
                """)
            let inspector = KeyInspector(postgres: harness.database.client)
            let id = try #require(try await inspector.list().first?.id)
            let details = try #require(try await inspector.show(id))
            #expect(details.branches.map(\.name) == ["0", "1", "2"])
            #expect(details.branches.map(\.point) == ["signed:waiting", "finished", "signed:waiting"])
            #expect(details.branches.map(\.event) == ["signed[0]", nil, nil])
            #expect(details.branches.map(\.parkedReason) == [nil, nil, "attempts_exhausted"])
            #expect(try #require(details.branches[0].dueSeconds) > Duration.hours(47).inSeconds)
            #expect(details.branches[1].dueSeconds == nil)
            #expect(details.events.map(\.name) == ["signed[1]", "signed[2]"])
            #expect(details.events.map(\.isTimeout) == [false, true])
            #expect(details.events.allSatisfy { $0.payload == nil })
            let values = try #require(try await inspector.show(id, values: true))
            #expect(values.events.map(\.payload) == [#"{"by":"jo"}"#, nil])
        }
    }

    @Test func keepsAnEarlyEventForTheWait() async throws {
        try await Harness.withEvents { harness in
            let release = harness.script.hold("priced")
            let running = Task { try await harness.purchase("k1") }
            try await eventually("the call is made") { !harness.script.calls(of: "priced").isEmpty }
            #expect(try await harness.approve("k1") == .delivered)
            release()
            #expect(try await running.value.progress?.recoveryPoint == "approved:waiting")
            #expect(try await harness.isDue("k1"), "the wait is over as it begins")
            #expect(try await harness.completionist().runOnce().finished == 1)
            #expect(try await harness.purchase("k1").response?.approval?.by == "mara")
        }
    }

    @Test func doesNotShortenAnotherStepsBackoff() async throws {
        try await Harness.withEvents { harness in
            harness.script.fail("priced", with: TransientError("busy", retryAfter: .seconds(300)))
            _ = try await harness.purchase("k1")
            let before = try await harness.row("k1", "run_at::text", as: String.self)
            #expect(try await harness.approve("k1") == .delivered)
            #expect(try await harness.row("k1", "run_at::text", as: String.self) == before)
        }
    }

    @Test func leavesAParkedRequestToAPerson() async throws {
        try await Harness.withEvents { harness in
            _ = try await harness.purchase("k1")
            try await harness.database.client.execute(
                "UPDATE waymark.keys SET parked_reason = 'unreadable_state', run_at = 'infinity'")
            #expect(try await harness.approve("k1") == .delivered)
            #expect(try await harness.row("k1", "run_at = 'infinity'", as: Bool.self))
        }
    }

    @Test func theFirstEventCounts() async throws {
        try await Harness.withEvents { harness in
            _ = try await harness.purchase("k1")
            #expect(try await harness.approve("k1", Approval(by: "mara", limit: 70)) == .delivered)
            for finished in [false, true] {
                let before = try await harness.snapshot()
                #expect(try await harness.approve("k1", Approval(by: "mara", limit: 70)) == .repeated)
                #expect(try await harness.approve("k1", Approval(by: "mara", limit: 71)) == .conflict)
                let spelled = try await harness.orchestrator.signal(
                    saga: Purchase.name, "approved", key: IdempotencyKey("k1"), scope: harness.scope,
                    payload: JSONValue(parsing: #"{"note": null, "limit": 7.0e1, "by": "mar\u0061", "more": 1}"#))
                #expect(spelled == .repeated)
                #expect(try await harness.snapshot() == before)
                if !finished { #expect(try await harness.completionist().runOnce().finished == 1) }
            }
            #expect(try await harness.purchase("k1").response?.approval?.limit == 70)
        }
    }

    @Test func saysThatTheWaitIsOver() async throws {
        try await Harness.withEvents { harness in
            _ = try await harness.purchase("k1")
            try await harness.letWaitsPass()
            let release = harness.script.hold("bought")
            let round = Task { try await harness.completionist().runOnce() }
            try await eventually("the wait is over") { !harness.script.calls(of: "bought").isEmpty }
            #expect(try await harness.approve("k1") == .passed)
            release()
            #expect(try await round.value.finished == 1)
            #expect(try await harness.approve("k1") == .finished)
            #expect(try await harness.purchase("k1").response == Purchased(item: "press", approval: nil))
        }
    }

    @Test func anEventMayRejectTheRequest() async throws {
        try await Harness.withEvents { harness in
            _ = try await harness.purchase("k1")
            harness.script.fail("unpriced", with: TransientError("busy", retryAfter: .seconds(300)))
            #expect(try await harness.approve("k1", Approval(by: "mara", limit: 0)) == .delivered)
            #expect(try await harness.completionist().runOnce().released == 1)
            #expect(try await harness.approve("k1") == .conflict)
            try await harness.lapse()
            #expect(try await harness.completionist().runOnce().finished == 1)
            #expect(try await harness.purchase("k1").rejection?.status == 403)
            #expect(harness.script.calls(of: "unpriced").count == 2)
        }
    }

    @Test func wakesARequestThatWaitsUnderAFormerName() async throws {
        try await Harness.withEvents { harness in
            _ = try await harness.purchase("k1")
            let later = try Harness(database: harness.database, script: harness.script, sagas: [RenamedPurchase()])
            let delivery = try await later.orchestrator.signal(
                RenamedPurchase.self, "approved", key: IdempotencyKey("k1"), scope: harness.scope,
                payload: Approval(by: "mara"))
            #expect(delivery == .delivered)
            #expect(try await harness.isDue("k1"))
            #expect(try await later.completionist().runOnce().finished == 1)
            #expect(try await harness.purchase("k1").response?.approval?.by == "mara")
        }
    }

    @Test func findsAnEarlyEventUnderAFormerName() async throws {
        try await Harness.withEvents { harness in
            harness.script.fail("priced", with: TransientError("busy", retryAfter: .seconds(300)))
            _ = try await harness.purchase("k1")
            #expect(try await harness.approve("k1") == .delivered)
            try await harness.lapse()
            let later = try Harness(database: harness.database, script: harness.script, sagas: [RenamedPurchase()])
            #expect(try await later.completionist().runOnce().released == 1)
            #expect(try await later.completionist().runOnce().finished == 1)
            #expect(try await harness.purchase("k1").response?.approval?.by == "mara")
        }
    }

    // MARK: - What is refused

    @Test func refusesWhatTheSagaDoesNotWaitFor() async throws {
        try await Harness.withEvents { harness in
            _ = try await harness.purchase("k1")
            _ = try await harness.consign("k2", parcels: ["a"])
            let before = try await harness.snapshot()
            let unknown = [
                (Purchase.name, "nothing"), (Purchase.name, "priced"), (Purchase.name, "approved:waiting"),
                (Purchase.name, "approved[0]"), (Purchase.name, "approved[x]"), (Consign.name, "signed"),
                (Consign.name, "signed[-1]"), (Consign.name, "signed[200]"), (Consign.name, "signed[00]"),
                ("no-such-saga", "approved"),
            ]
            for (saga, event) in unknown {
                let error = await #expect(throws: WaymarkError.self, "\(saga), \(event)") {
                    try await harness.orchestrator.signal(
                        saga: saga, event, key: IdempotencyKey(saga == Consign.name ? "k2" : "k1"),
                        scope: harness.scope, payload: .object(["by": .string("mara"), "limit": .number("1")]))
                }
                #expect(error?.code == .unknownName)
                #expect(error?.field == (saga == "no-such-saga" ? "saga" : "event"))
            }
            #expect(try await harness.snapshot() == before)
        }
    }

    @Test func refusesAPayloadThatIsNotTheEvent() async throws {
        try await Harness.withEvents { harness in
            _ = try await harness.purchase("k1")
            let before = try await harness.snapshot()
            func send(_ payload: some Encodable) async throws {
                try await harness.orchestrator.signal(
                    Purchase.self, "approved", key: IdempotencyKey("k1"), scope: harness.scope, payload: payload)
            }
            let wrong = await #expect(throws: DecodingError.self) { try await send(["by": 7]) }
            #expect(wrong?.field == "by")
            let missing = await #expect(throws: DecodingError.self) { try await send(["by": "mara"]) }
            #expect(missing?.field == "limit")
            let long = Approval(by: String(repeating: "x", count: Limits.valueBytes))
            let tooLarge = await #expect(throws: WaymarkError.self) { try await send(long) }
            #expect(tooLarge?.code == .tooLarge)
            let nul = await #expect(throws: WaymarkError.self) { try await send(Approval(by: "\0")) }
            #expect(nul?.code == .invalidJSON)
            #expect(try await harness.snapshot() == before)
        }
    }

    @Test func findsNoOtherKey() async throws {
        try await Harness.withEvents { harness in
            _ = try await harness.purchase("k1")
            let before = try await harness.snapshot()
            #expect(try await harness.approve("k2") == .unknownKey)
            #expect(try await harness.sign("k1", 0, by: "jo") == .mismatch)
            let elsewhere = try await harness.orchestrator.signal(
                Purchase.self, "approved", key: IdempotencyKey("k1"), scope: Scope("tenant:2"),
                payload: Approval(by: "mara"))
            #expect(elsewhere == .unknownKey)
            #expect(try await harness.snapshot() == before)
        }
    }

    /// Each guard of the statement by itself.
    @Test(arguments: [
        ("scope = 'tenant:2'", Delivery.mismatch), ("key = 'k2'", .mismatch), ("saga = 'consign'", .mismatch),
        ("direction = 'compensating'", .passed), (#"journal = '[{"step": "approved", "output": 1}]'"#, .passed),
        (#"events = '{"approved": {"value": 1}}'"#, .conflict), (#"events = '{"approved": {}}'"#, .passed),
        ("done = true, response_status = 200, response_body = '{}', expires_at = now()", .finished),
    ])
    func aGuardRefusesByItself(change: String, expected: Delivery) async throws {
        try await Harness.withEvents { harness in
            _ = try await harness.purchase("k1")
            try await harness.database.client.execute("UPDATE waymark.keys SET \(unescaped: change)")
            let before = try await harness.snapshot()
            #expect(try await harness.approve("k1") == expected)
            #expect(try await harness.snapshot() == before)
        }
    }

    // MARK: - Inside a ForEach

    @Test func deliversToOneElement() async throws {
        try await Harness.withEvents { harness in
            let release = harness.script.hold("packed")
            let running = Task { try await harness.consign("k1", parcels: ["a", "b", "c"]) }
            try await eventually("the call is made") { !harness.script.calls(of: "packed").isEmpty }
            #expect(try await harness.sign("k1", 2, by: "early") == .delivered)
            release()
            #expect(try await running.value.progress?.recoveryPoint == "handed_over:begun")
            #expect(try await harness.isDue("k1"), "element 2 has its event")
            #expect(try await harness.completionist().runOnce().released == 1)
            #expect(try await !harness.isDue("k1"))
            #expect(try await harness.sign("k1", 2, by: "late") == .conflict)
            #expect(try await harness.sign("k1", 0, by: "jo") == .delivered)
            #expect(try await harness.isDue("k1"))
            #expect(try await harness.completionist().runOnce().released == 1)
            #expect(try await harness.row("k1", "branches -> '1' ->> 'point'", as: String.self) == "signed:waiting")
            #expect(try await harness.sign("k1", 1, by: "bo") == .delivered)
            #expect(try await harness.completionist().runOnce().finished == 1)
            #expect(try await harness.sign("k1", 1, by: "bo") == .repeated)
            let answer = try await harness.consign("k1", parcels: ["a", "b", "c"])
            #expect(answer.response?.signatures == ["a: jo", "b: bo", "c: early"])
        }
    }

    @Test func anElementGoesOnWithoutItsEvent() async throws {
        try await Harness.withEvents { harness in
            _ = try await harness.consign("k1", parcels: ["a", "b"])
            #expect(try await harness.sign("k1", 1, by: "jo") == .delivered)
            try await harness.letWaitsPass()
            #expect(try await harness.completionist().runOnce().finished == 1)
            #expect(try await harness.sign("k1", 0, by: "late") == .finished)
            let answer = try await harness.consign("k1", parcels: ["a", "b"])
            #expect(answer.response?.signatures == ["a: nobody", "b: jo"])
        }
    }
}
