import Testing

@testable import Waymark

/// What is declared for a step whose retry policy is used up.
@Suite struct ExhaustionTests {
    private static let attempts = 3
    private static let policy = RetryPolicy.fixed(attempts: attempts, every: .zero)
    private static let transient = StepFailure.transient(retryAfter: nil)

    private let work = Work(step: 1, direction: .forward, from: "a", to: "b")
    private let soldOut = Rejection(status: 409, type: "sold_out", title: "Sold out.")

    /// What follows an error in the last attempt at b, the second step.
    private func afterTheLastAttempt(
        _ step: some ConfigurableStep<Int, Int>, undone: Bool = true
    ) throws -> (RunMachine, RunMachine.Action) {
        let first = undone ? phase("a").undonePhase() : phase("a")
        var machine = try machine(
            of: [first, step.retry(Self.policy), phase("c")], at: "a", attempts: Self.attempts,
            done: [FinishedStep(step: 0)])
        var random = LargestNumber()
        let action = machine.failed(work, Self.transient, using: &random)
        return (machine, action)
    }

    @Test func aSubstituteTakesTheOutputsPlace() throws {
        var (machine, action) = try afterTheLastAttempt(phase("b").undonePhase().orElse(7))
        #expect(action == .degrade(work))
        let next = Work(step: 2, direction: .forward, from: "b", to: "finished")
        #expect(machine.committed(work, counts: false) == .perform(next))
        #expect(machine.state == RunState(recoveryPoint: "b", attempts: 1, done: [FinishedStep(step: 0)]))
    }

    @Test(arguments: [true, false])
    func aRejectionUndoesWhatWasDone(undone: Bool) throws {
        let step = phase("b").rejectWhenExhausted(status: 409, type: "sold_out", title: "Sold out.")
        let (_, action) = try afterTheLastAttempt(step, undone: undone)
        #expect(action == .reject(soldOut, finishes: !undone))
    }

    @Test func otherwiseItParks() throws {
        #expect(try afterTheLastAttempt(phase("b")).1 == .park(.attemptsExhausted))
    }

    @Test("A claim that is one attempt too many comes to the same", arguments: [attempts + 1, 1_000])
    func claims(attempts: Int) throws {
        let degrading = try machine(
            of: [phase("a"), phase("b").retry(Self.policy).orElse(7)], at: "a", attempts: attempts)
        let last = Work(step: 1, direction: .forward, from: "a", to: "finished")
        #expect(degrading.resume(sincePoint: .zero) == .degrade(last))
        let rejecting = try machine(
            of: [
                phase("a"),
                phase("b").retry(Self.policy).rejectWhenExhausted(status: 409, type: "sold_out", title: "Sold out."),
            ], at: "a", attempts: attempts)
        #expect(rejecting.resume(sincePoint: .zero) == .reject(soldOut, finishes: true))
    }

    @Test("What another attempt will not mend counts as used up", arguments: [true, false])
    func unretryable(degrades: Bool) throws {
        let step = phase("b").retry(Self.policy) { _ in false }
        var (machine, random) = (
            try machine(of: [phase("a"), degrades ? step.orElse(7) : step, phase("c")], at: "a"), LargestNumber()
        )
        let action = machine.failed(work, .unretryable, using: &random)
        #expect(action == (degrades ? .degrade(work) : .park(.attemptsExhausted)))
    }

    // MARK: Asking first

    private static let keyed = CallRule<Int, Int>.keyed(horizon: .hours(24), reconcile: { _, _ in .unknown("ask") })
    private static let atMostOnce = CallRule<Int, Int>.atMostOnce(
        settling: .zero, reconcile: { _, _ in .unknown("ask") })

    @Test func aCallThatMayHaveHappenedIsAskedAboutFirst() throws {
        let rejecting = call("b", Self.keyed).rejectWhenExhausted(status: 409, type: "sold_out", title: "Sold out.")
        var (machine, action) = try afterTheLastAttempt(rejecting)
        #expect(action == .reconcile(work))
        #expect(machine.resolvedAsNotHappened(work, sincePoint: .zero) == .reject(soldOut, finishes: false))

        (machine, action) = try afterTheLastAttempt(call("b", Self.keyed).orElse(7))
        #expect(action == .reconcile(work))
        #expect(machine.resolvedAsNotHappened(work, sincePoint: .zero) == .degrade(work))

        (machine, action) = try afterTheLastAttempt(call("b", Self.keyed).orElse(7))
        let next = Work(step: 2, direction: .forward, from: "b", to: "finished")
        #expect(machine.committed(work) == .perform(next))
        #expect(machine.state.done == [FinishedStep(step: 0), FinishedStep(step: 1)])
    }

    @Test func aCallWithoutAnUndoDegradesAtOnceWhereNobodyCanBeAsked() throws {
        #expect(try afterTheLastAttempt(call("b", .keyed(horizon: .hours(24))).orElse(7)).1 == .degrade(work))
        #expect(try afterTheLastAttempt(call("b").orElse(7)).1 == .degrade(work))
    }

    /// Parking loses nothing: the person finds out.
    @Test func parkingAsksNobody() throws {
        #expect(try afterTheLastAttempt(call("b", Self.keyed)).1 == .park(.attemptsExhausted))
    }

    @Test func aQuestionThatFailsParks() throws {
        var (machine, action) = try afterTheLastAttempt(call("b", Self.keyed).orElse(7))
        var random = LargestNumber()
        action = machine.reconcileFailed(work, Self.transient, sincePoint: .zero, using: &random)
        #expect(action == .park(.outcomeUnknown))
    }

    @Test("Of an unanswered question no substitute is made", arguments: [true, false])
    func aHolderThatDiesOverTheQuestion(isKeyed: Bool) throws {
        let point = isKeyed ? "a" : "a:begun"
        let steps: [any Step<Int, Int>] = [
            call("a", isKeyed ? Self.keyed : Self.atMostOnce).retry(Self.policy).orElse(7), phase("z"),
        ]
        let start = isKeyed ? "started" : point
        let work = Work(step: 0, direction: .forward, from: start, to: "a", isBegun: !isKeyed)
        let asking = try machine(of: steps, at: start, attempts: Self.attempts + 1)
        #expect(asking.resume(sincePoint: .zero) == .reconcile(work))
        let died = try machine(of: steps, at: start, attempts: Self.attempts + 2)
        #expect(died.resume(sincePoint: .zero) == .park(.outcomeUnknown))
    }

    @Test func anAtMostOnceCallDegradesOnceItIsKnownNotToHaveHappened() throws {
        var (machine, action) = try afterTheLastAttempt(call("b", Self.atMostOnce).orElse(7))
        // It was not begun: nothing can have happened.
        #expect(action == .degrade(work))
        action = machine.begun(work, as: "b:begun")
        let begun = Work(step: 1, direction: .forward, from: "b:begun", to: "b", isBegun: true)
        #expect(action == .perform(begun))
        var random = LargestNumber()
        #expect(machine.failed(begun, Self.transient, using: &random) == .reconcile(begun))
        #expect(machine.resolvedAsNotHappened(begun, sincePoint: .zero) == .degrade(begun))
    }

    @Test func aCompensationHasNoSubstitute() throws {
        let steps = [phase("a").orElse(7).undonePhase(retry: .none), phase("b")]
        let undo = Work(step: 0, direction: .compensating, from: "a", to: "finished")
        var (machine, random) = (
            try machine(of: steps, .compensating, at: "a", done: [FinishedStep(step: 0)]), LargestNumber()
        )
        #expect(machine.failed(undo, Self.transient, using: &random) == .park(.attemptsExhausted))
        #expect(machine.failed(undo, .unretryable, using: &random) == .park(.attemptsExhausted))
    }
}
