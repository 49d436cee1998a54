import Foundation
import PostgresPQ
import Testing
import Waymark
import WaymarkEngine
import WaymarkTesting

/// A closure that is run once per key, without a saga.
@Suite struct OnceTests {
    /// 64 callers of two processes: all but one are told that it is being worked on, until it is done.
    @Test(.timeLimit(.minutes(1))) func manyCallersAtOnceRunItOnce() async throws {
        try await Harness.with { harness async throws in
            let open = harness.script.hold("welcome")
            let processes = [harness, try harness.another()]
            try await withThrowingTaskGroup(of: Outcome<String>.self) { group in
                for index in 0..<64 { group.addTask { try await processes[index % 2].welcome("k1") } }
                for _ in 0..<63 {
                    let told = try await group.next()
                    #expect(told?.progress?.cause == .running)
                }
                open()
                let done = try await group.next()
                #expect(done?.response == "welcome")
            }
            #expect(harness.script.calls(of: "welcome").count == 1)
            for process in processes {
                let replay = try await process.welcome("k1")
                #expect(replay.response == "welcome")
                #expect(replay.isReplay)
            }
            #expect(harness.script.calls(of: "welcome").count == 1)
        }
    }

    @Test func aRejectionIsStored() async throws {
        try await Harness.with { harness async throws in
            harness.script.fail("welcome", with: Rejection(status: 409, type: "gone", title: "Gone"))
            let first = try await harness.welcome("k1")
            #expect(first.rejection?.status == 409)
            #expect(!first.isReplay)
            let second = try await harness.welcome("k1")
            #expect(second.rejection == first.rejection)
            #expect(second.isReplay)
            #expect(harness.script.calls(of: "welcome").count == 1)
        }
    }

    @Test func anErrorIsThrownAndFreesTheKeyAtOnce() async throws {
        try await Harness.with { harness async throws in
            struct Down: Error, Equatable {}
            harness.script.fail("welcome", with: Down(), PostgresError(.connectionLost, "theirs"))
            await #expect(throws: Down.self) { try await harness.welcome("k1") }
            let (free, attempts, error) = try await harness.onceRow(
                "NOT done AND lease_until <= now() AND run_at <= now(), attempts, last_error",
                as: (Bool, Int, String).self)
            #expect(free)
            #expect(attempts == 1)
            #expect(error.contains("Down"))
            await #expect(throws: PostgresError.self) { try await harness.another().welcome("k1") }
            let third = try await harness.welcome("k1")
            #expect(third.response == "welcome")
            #expect(!third.isReplay)
            let keys = harness.script.calls(of: "welcome")
            #expect(keys.count == 3)
            #expect(Set(keys).count == 1, "what a failed try sent abroad, the next one sends again")
        }
    }

    @Test(.timeLimit(.minutes(1))) func whatTakesTooLongIsCancelledAndFreesTheKey() async throws {
        try await Harness.with { harness async throws in
            harness.script.ignoreCancellation(of: "welcome", thenThrow: CancellationError())
            let error = await #expect(throws: TransientError.self) {
                try await harness.welcome("k1", timeout: .milliseconds(20))
            }
            #expect(error?.reason == "'once:send-welcome' took longer than 0.02 seconds")
            #expect(try await harness.another(Script()).welcome("k1").response == "welcome")
        }
    }

    /// The first holder sleeps as if its process were stopped; then its late result is not the answer.
    @Test func afterACrashTheNextCallerRunsItAgain() async throws {
        try await Harness.with { harness async throws in
            let wake = harness.script.hang("welcome")
            let sleeper = Task { try await harness.welcome("k1") }
            try await eventually("the closure runs") { harness.script.calls(of: "welcome").count == 1 }
            let script = Script()
            let other = try harness.another(script)
            #expect(try await other.welcome("k1").progress?.cause == .running, "its lease is not over")
            try await harness.lapse()
            let second = try await other.welcome("k1")
            #expect(second.response == "welcome")
            #expect(!second.isReplay)
            wake()
            let first = try await sleeper.value
            #expect(first.isReplay)
            #expect(script.calls(of: "welcome") == harness.script.calls(of: "welcome"), "the same key is passed on")
        }
    }

    @Test func theLeaseIsRenewedWhileItRuns() async throws {
        try await Harness.with(lease: .seconds(9)) { harness async throws in
            let open = harness.script.hold("welcome")
            let service = Task { try await harness.orchestrator.run() }
            defer { service.cancel() }
            let outcome = Task { try await harness.welcome("k1") }
            try await eventually("the lease outlives its first length") {
                let rows = try await harness.database.client.query(
                    "SELECT lease_until > created_at + interval '10 seconds' FROM waymark.keys")
                return try rows.decode(Bool.self) == [true]
            }
            open()
            #expect(try await outcome.value.response == "welcome")
            #expect(harness.script.calls(of: "welcome").count == 1)
        }
    }

    @Test func theCompletionistLeavesItAlone() async throws {
        try await Harness.with { harness async throws in
            harness.script.fail("welcome", with: TransientError("down"))
            _ = try? await harness.welcome("k1")
            let before = try await harness.snapshot()
            #expect(try await harness.completionist().runOnce().claimed == 0)
            #expect(try await harness.snapshot() == before)
            #expect(harness.script.calls(of: "welcome").count == 1)
        }
    }

    @Test func onlyWhatWasGivenUpIsReaped() async throws {
        try await Harness.with { harness async throws in
            harness.script.fail("charged", with: TransientError("down", retryAfter: .seconds(9)))
            _ = try await harness.order("unfinished saga")
            for key in ["given up", "tried lately", "held again"] {
                harness.script.fail("welcome", with: TransientError("down"))
                _ = try? await harness.welcome(key)
            }
            #expect(try await harness.welcome("parked", result: "\0").parkedReason == .unstorableOutput)
            _ = try await harness.welcome("finished")
            let open = harness.script.hold("welcome")
            let held = Task { try await harness.welcome("held again") }
            try await eventually("it is held") { harness.script.calls(of: "welcome").count == 6 }
            // All are old; the lease of the one that is held, the last try of another one, and an answer are not.
            try await harness.database.client.execute("UPDATE waymark.keys SET created_at = now() - interval '1 year'")
            try await harness.database.client.execute(
                """
                UPDATE waymark.keys SET run_at = now() - interval '25 hours', lease_until = now() - interval '25 hours'
                WHERE key IN ('given up', 'unfinished saga', 'finished')
                """)
            try await harness.database.client.execute(
                "UPDATE waymark.keys SET run_at = now() - interval '25 hours' WHERE key = 'held again'")
            let reaper = Reaper(postgres: harness.database.client)
            #expect(try await reaper.runOnce() == 1)
            #expect(try await reaper.runOnce() == 0)
            let keys = try await harness.database.client.query("SELECT key FROM waymark.keys ORDER BY key")
            #expect(
                try keys.decode(String.self)
                    == ["finished", "held again", "parked", "tried lately", "unfinished saga"])
            open()
            #expect(try await held.value.response == "welcome")
        }
    }

    @Test func theSameKeyWithAnotherRequestIsAMismatch() async throws {
        try await Harness.with { harness async throws in
            #expect(try await harness.welcome("k1", request: Order(item: "a")).response == "welcome")
            #expect(try await harness.welcome("k1", request: Order(item: "b")).mismatch == .request)
            #expect(try await harness.welcome("k1").mismatch == .request)
            #expect(try await harness.welcome("k1", request: Order(item: "a")).isReplay)
        }
    }

    @Test func anotherNamesKeyIsAnotherKey() async throws {
        try await Harness.with { harness async throws in
            _ = try await harness.order("k1")
            #expect(try await !harness.welcome("k1").isReplay)
            let other = try await harness.orchestrator.once(
                "send-invoice", key: IdempotencyKey("k1"), scope: harness.scope
            ) { _ in 7 }
            #expect(other.response == 7)
            #expect(!other.isReplay)
        }
    }

    @Test func aClosureMayReturnNothing() async throws {
        try await Harness.with { harness async throws in
            for isReplay in [false, true] {
                let outcome = try await harness.orchestrator.once(
                    "tidy-up", key: IdempotencyKey("k1"), scope: harness.scope
                ) { call in try await harness.script.perform("tidy", call.idempotencyKey) }
                #expect(outcome.response != nil)
                #expect(outcome.isReplay == isReplay)
            }
            #expect(harness.script.calls(of: "tidy").count == 1)
        }
    }

    @Test(arguments: ["", "Send", "once:send", String(repeating: "n", count: 81)])
    func refusesNamesThatCannotBeStored(name: String) async throws {
        try await Harness.with { harness async throws in
            await #expect(throws: SagaDeclarationError.self) {
                try await harness.orchestrator.once(name, key: IdempotencyKey("k1"), scope: harness.scope) { _ in 1 }
            }
            #expect(try await harness.snapshot().isEmpty)
        }
    }
}

/// Sagas whose key follows from the request.
@Suite struct DerivedKeyRunTests {
    @Test func aRepeatedRequestIsTheSameOperation() async throws {
        try await Harness.with { harness async throws in
            for isReplay in [false, true] {
                let outcome = try await harness.orchestrator.run(
                    PlaceOrder.self, idempotencyKey: \.item, \.quantity, scope: harness.scope,
                    request: Order(item: "book", quantity: 2))
                #expect(outcome.response?.item == "book")
                #expect(outcome.isReplay == isReplay)
            }
            #expect(try await harness.row("book,2", "done", as: (Bool).self))
            let error = await #expect(throws: WaymarkError.self) {
                try await harness.orchestrator.run(
                    PlaceOrder.self, idempotencyKey: \.item, scope: harness.scope, request: Order(item: ""))
            }
            #expect(error?.field == "item")
        }
    }
}

extension Harness {
    fileprivate func welcome(
        _ key: String, request: Order? = nil, result: String = "welcome", timeout: Duration = .seconds(60)
    ) async throws -> Outcome<String> {
        try await orchestrator.once(
            "send-welcome", key: IdempotencyKey(key), scope: scope, request: request, timeout: timeout
        ) { [script] call in
            #expect(call.timeout == timeout)
            try await script.perform("welcome", call.idempotencyKey)
            return result
        }
    }

    /// The only key's row.
    fileprivate func onceRow<each Value: PostgresDecodable>(
        _ columns: String, as type: (repeat each Value).Type
    ) async throws -> (repeat each Value) {
        let rows = try await database.client.query(
            "SELECT \(unescaped: columns) FROM waymark.keys WHERE saga = 'once:send-welcome'")
        return try #require(rows.first).decode(type)
    }
}
