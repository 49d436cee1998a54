import PostgresPQ
import Testing
import WaymarkTesting

@testable import Waymark
@testable import WaymarkEngine

/// A payout by a bank that knows no idempotency keys.
private struct WithdrawOnce: Saga {
    static let name = "payout"
    let ledger: Ledger
    var retry: RetryPolicy = .exponential(attempts: 20, base: .zero, cap: .zero)
    var settling: Duration = .zero

    var body: some Step<String, String> {
        AtomicPhase("noted", note)
        ForeignCall("withdrawn", .atMostOnce(settling: settling, reconcile: find), withdraw)
            .retry(retry)
            .compensate(.atMostOnce(settling: settling, reconcile: findDeposit), deposit)
        AtomicPhase("booked", book)
    }

    func note(_ account: String, _ tx: Transaction) async throws -> String {
        try await tx.execute("INSERT INTO effects VALUES (\(tx.key.id), 'noted', \(account))")
        return account
    }

    func withdraw(_ account: String, _ call: Call) async throws -> String {
        try ledger.act("withdraw", call.idempotencyKey)
        return "paid \(account)"
    }

    func find(_ account: String, _ call: Call) async throws -> Reconciliation<String> {
        if account == "murky" { return .unknown("ask for \(call.idempotencyKey)") }
        return try ledger.look("withdraw", call.idempotencyKey) ? .happened("paid \(account)") : .didNotHappen
    }

    func deposit(_ paid: String, _ call: Call) async throws {
        try ledger.act("deposit", call.idempotencyKey)
    }

    func findDeposit(_ paid: String, _ call: Call) async throws -> Reconciliation<Void> {
        try ledger.look("deposit", call.idempotencyKey) ? .happened(()) : .didNotHappen
    }

    func book(_ paid: String, _ tx: Transaction) async throws -> String {
        try await tx.execute("INSERT INTO effects VALUES (\(tx.key.id), 'booked', \(paid))")
        if paid == "paid refused" { throw Rejection(status: 409, type: "refused", title: "Refused.") }
        return paid
    }
}

/// Calls of which no result is known.
@Suite struct AmbiguityTests {
    private static let down = TransientError("down")

    @Test func neverHappensTwiceWhereverTheProcessStops() async throws {
        try await stopEverywhere(WithdrawOnce.self, "a1", sagas: { [WithdrawOnce(ledger: $0)] }) {
            outcome, world async throws in
            #expect(outcome.response == "paid a1")
            #expect(world.ledger.effects("withdraw").count == 1)
            #expect(try await world.effects("booked") == ["paid a1"])
        }
    }

    @Test func neitherDoesItsUndo() async throws {
        try await stopEverywhere(WithdrawOnce.self, "refused", sagas: { [WithdrawOnce(ledger: $0)] }) {
            outcome, world async throws in
            #expect(outcome.rejection?.status == 409)
            #expect(world.ledger.effects("withdraw").count == 1)
            #expect(world.ledger.effects("deposit").count == 1)
            #expect(try await world.effects("booked") == [])
        }
    }

    /// The call fails before its effect, after it, or not at all; then the process stops as well.
    @Test(arguments: ["withdraw", "withdraw, afterwards"])
    func aFailedCallIsAskedAbout(failure: String) async throws {
        try await stopEverywhere(
            WithdrawOnce.self, "a1", sagas: { [WithdrawOnce(ledger: $0)] },
            prepare: { $0.fail(failure, with: Self.down) }
        ) { outcome, world async throws in
            #expect(outcome.response == "paid a1")
            #expect(world.ledger.effects("withdraw").count == 1)
            #expect(world.ledger.questions("withdraw") > 0)
        }
    }

    @Test func whatHappenedIsRecordedAsSuch() async throws {
        try await World.with({ [WithdrawOnce(ledger: $0)] }) { world async throws in
            world.ledger.fail("withdraw, afterwards", with: Self.down)
            #expect(try await world.run(WithdrawOnce.self, "a1").response == "paid a1")
            #expect(try await world.journal() == ["noted", "withdrawn reconciled", "booked"])
        }
    }

    /// The server reports that the call is on record as begun, and ends before it commits that: the call must not be made on
    /// the strength of the report, for whoever finds the key will make it.
    @Test func aBeginningThatWasNotCommittedIsNone() async throws {
        try await World.with({ [WithdrawOnce(ledger: $0)] }) { world async throws in
            try await world.database.client.executeScript(
                """
                CREATE SEQUENCE endings;
                CREATE FUNCTION end_once() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                    IF NEW.recovery_point = 'withdrawn:begun' AND nextval('endings') = 1 THEN
                        PERFORM pg_terminate_backend(pg_backend_pid());
                    END IF;
                    RETURN NULL;
                END $$;
                CREATE CONSTRAINT TRIGGER ending AFTER UPDATE ON waymark.keys DEFERRABLE INITIALLY DEFERRED
                    FOR EACH ROW EXECUTE FUNCTION end_once();
                """)
            _ = try await world.run(WithdrawOnce.self, "a1")
            try await world.settle()
            #expect(try await world.run(WithdrawOnce.self, "a1").response == "paid a1")
            #expect(world.ledger.effects("withdraw").count == 1)
        }
    }

    @Test func whatNobodyCanTellParks() async throws {
        try await World.with({ [WithdrawOnce(ledger: $0)] }) { world async throws in
            world.ledger.fail("withdraw", with: Self.down)
            #expect(try await world.run(WithdrawOnce.self, "murky").parkedReason == .outcomeUnknown)
            #expect(try await world.point() == "withdrawn:begun")
            #expect(world.ledger.effects("withdraw") == [])
            let errors = try await world.database.client.query("SELECT last_error FROM waymark.keys").decode(
                String.self)
            #expect(errors.first?.contains("ask for ") == true)
        }
    }

    /// A question that is not answered is asked again, as the step's policy says; the call is not made meanwhile.
    @Test func anUnansweredQuestionIsAskedAgain() async throws {
        try await World.with({ [WithdrawOnce(ledger: $0)] }) { world async throws in
            world.ledger.fail("withdraw, afterwards", with: Self.down)
            world.ledger.fail("withdraw?", with: Self.down, Self.down, Self.down)
            #expect(try await world.run(WithdrawOnce.self, "a1").response == "paid a1")
            #expect(world.ledger.questions("withdraw") == 4)
            #expect(world.ledger.effects("withdraw").count == 1)
        }
    }

    @Test func anUnansweredQuestionParksInTheEnd() async throws {
        let sagas: @Sendable (Ledger) -> [any Saga] = {
            [WithdrawOnce(ledger: $0, retry: .fixed(attempts: 2, every: .zero))]
        }
        try await World.with(sagas) { world async throws in
            world.ledger.fail("withdraw", with: Self.down)
            world.ledger.fail("withdraw?", with: Self.down, Self.down, Self.down)
            #expect(try await world.run(WithdrawOnce.self, "a1").parkedReason == .outcomeUnknown)
        }
    }

    /// The bank may still act on a call that was begun just now: "did not happen" is not believed yet.
    @Test func anEarlyNoIsNotBelieved() async throws {
        try await World.with({ [WithdrawOnce(ledger: $0, settling: .minutes(5))] }) { world async throws in
            world.ledger.fail("withdraw", with: Self.down)
            let progress = try await world.run(WithdrawOnce.self, "a1").progress
            #expect(progress?.recoveryPoint == "withdrawn:begun")
            #expect(progress.map { $0.retryAfter > .minutes(4) } == true)
            try await world.database.passTime()
            _ = try await Completionist(world.orchestrator()).runOnce()
            #expect(world.ledger.effects("withdraw") == [], "it was begun as long ago as the row says")
            try await world.database.client.execute(
                "UPDATE waymark.keys SET progressed_at = now() - interval '6 minutes', run_at = now()")
            _ = try await Completionist(world.orchestrator()).runOnce()
            #expect(try await world.run(WithdrawOnce.self, "a1").response == "paid a1")
            #expect(world.ledger.effects("withdraw").count == 1)
        }
    }

    /// A refusal is an answer: nobody needs to be asked.
    @Test func aRefusalIsAnAnswer() async throws {
        try await World.with({ [WithdrawOnce(ledger: $0)] }) { world async throws in
            world.ledger.fail("withdraw", with: Rejection(status: 402, type: "broke", title: "Broke."))
            #expect(try await world.run(WithdrawOnce.self, "a1").rejection?.status == 402)
            #expect(try await world.journal() == ["noted"])
            #expect(world.ledger.questions("withdraw") == 0)
        }
    }

    /// A conflict says that the write did not happen. It says nothing of the call whose result was to be written.
    @Test func aConflictOfTheCommitRepeatsNoCall() async throws {
        try await World.with({ [WithdrawOnce(ledger: $0)] }) { world async throws in
            let client = world.database.client
            try await client.execute("CREATE SEQUENCE conflicts")
            try await client.execute(
                """
                CREATE FUNCTION conflict() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                    IF nextval('conflicts') = 1 THEN RAISE 'conflict' USING ERRCODE = 'serialization_failure'; END IF;
                    RETURN NEW;
                END $$
                """)
            try await client.execute(
                """
                CREATE TRIGGER conflict BEFORE UPDATE ON waymark.keys FOR EACH ROW
                    WHEN (NEW.recovery_point = 'withdrawn') EXECUTE FUNCTION conflict()
                """)
            #expect(try await world.run(WithdrawOnce.self, "a1").response == "paid a1")
            #expect(world.ledger.effects("withdraw").count == 1)
            #expect(world.ledger.questions("withdraw") == 0)
        }
    }

    /// A call may go to a database of somebody else's, through the same client: what came of its transaction is no word on ours.
    @Test(arguments: [PostgresError.Code.commitOutcomeUnknown, .connectionLost, .server])
    func aTransactionElsewhereIsNotOurs(code: PostgresError.Code) async throws {
        try await World.with({ [WithdrawOnce(ledger: $0)] }) { world async throws in
            let conflict = code == .server ? SQLState.serializationFailure : nil
            let error = PostgresError(code, "somebody else's", sqlState: conflict)
            world.ledger.fail("withdraw, afterwards", with: PostgresTransactionError(stage: .commit, error: error))
            #expect(try await world.run(WithdrawOnce.self, "a1").response == "paid a1")
            #expect(world.ledger.effects("withdraw").count == 1)
            #expect(world.ledger.questions("withdraw") == 1)
        }
    }
}
