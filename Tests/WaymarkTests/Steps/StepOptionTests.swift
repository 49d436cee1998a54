import Testing

@testable import Waymark

/// What modifiers declare beside the step's body.
@Suite struct StepOptionTests {
    private struct Fatal: Error {}

    private func declared(_ step: any Step<Int, Int>) throws -> DeclaredStep {
        try SagaDeclaration(Assembled([step, phase("z")])).steps[0]
    }

    @Test func aConditionDecidesOnTheInput() throws {
        let step = try declared(phase("a").when { $0 > 3 })
        #expect(step.isConditional)
        #expect(step.condition?(4) == true)
        #expect(step.condition?(3) == false)
        #expect(try step.skip?(3).json == "3")
        #expect(try declared(phase("a")).condition == nil)
    }

    @Test func aSubstituteIsAValueOrMadeOfTheInput() throws {
        let fixed = try declared(phase("a").orElse(7))
        #expect(fixed.exhaustion == .degrade)
        #expect(try fixed.fallback?(3).json == "7")
        let made = try declared(call("a").orElse { $0 * 10 })
        #expect(try made.fallback?(3).json == "30")
        #expect(try declared(phase("a")).exhaustion == .park)
    }

    @Test func aSubstituteMayRefuse() throws {
        let step = try declared(phase("a").orElse { _ in throw Rejection(status: 409, type: "no", title: "No.") })
        #expect(throws: Rejection.self) { try step.fallback?(3) }
    }

    @Test func aRejectionIsDeclaredAsItIsAnswered() throws {
        let step = try declared(
            phase("a").rejectWhenExhausted(status: 402, type: "declined", title: "Declined.", detail: "Ask your bank."))
        let expected = Rejection(status: 402, type: "declined", title: "Declined.", detail: "Ask your bank.")
        #expect(step.exhaustion == .reject(expected))
    }

    @Test func whichErrorsAnotherAttemptMayMend() throws {
        let step = try declared(call("a").retry(.none) { !($0 is Fatal) })
        #expect(step.isRetryable(TransientError("down")))
        #expect(!step.isRetryable(Fatal()))
        #expect(try declared(call("a").retry(.none)).isRetryable(Fatal()))
    }

    @Test func aServiceIsKept() throws {
        let service = ForeignService("stripe", maxConcurrent: 20)
        #expect(try declared(call("a").through(service)).service == service)
        #expect(try declared(call("a")).service == nil)
    }

    // MARK: What a foreign system says of a call

    private func ask(_ rule: CallRule<Int, Int>) async throws -> Reconciliation<StepValue>? {
        let reconcile = try declared(call("a", rule)).body.reconcile
        return try await reconcile?(7, Call.sample(attempt: 2))
    }

    @Test func theQuestionGetsTheStepsInputAndKey() async throws {
        let rule = CallRule<Int, Int>.keyed(horizon: .hours(24)) { input, call in
            .happened(call.idempotencyKey == "key-abroad" ? input * 10 + call.attempt : 0)
        }
        guard case .happened(let value) = try await ask(rule) else { throw TransientError("it did not happen") }
        #expect(value.json == "72")
        #expect(try value.read() as? Int == 72)
    }

    @Test func itMayNotHaveHappenedOrNotBeKnown() async throws {
        guard case .didNotHappen = try await ask(.atMostOnce { _, _ in .didNotHappen }) else { throw Fatal() }
        guard case .unknown = try await ask(.atMostOnce { _, _ in .unknown("ask") }) else { throw Fatal() }
        #expect(try await ask(.atMostOnce) == nil)
        #expect(try await ask(.natural) == nil)
    }

    @Test func anUndosQuestionGetsTheOutput() async throws {
        let step = call("a").compensate(
            .atMostOnce { (output: Int, _: Call) in output == 7 ? .happened(()) : .unknown("ask") }
        ) {
            (_: Int, _: Call) in
        }
        let reconcile = try #require(try declared(step).compensation?.body.reconcile)
        guard case .happened(let value) = try await reconcile(7, Call.sample()) else { throw Fatal() }
        #expect(value.json == "null")
    }

    @Test func whatTheQuestionThrowsComesOut() async throws {
        await #expect(throws: Fatal.self) { _ = try await ask(.atMostOnce { _, _ in throw Fatal() }) }
    }
}
