import Testing

@testable import Waymark

/// A call whose repeat is a second effect: what is unknown of it is asked, never guessed.
@Suite struct AtMostOnceTests {
    private static let settling = Duration.seconds(60)
    private static let attempts = 3

    private let work = Work(step: 1, direction: .forward, from: "a", to: "b")
    private let begunWork = Work(step: 1, direction: .forward, from: "b:begun", to: "b", isBegun: true)

    private static func steps(reconciles: Bool = true) -> [any Step<Int, Int>] {
        let rule: CallRule<Int, Int> =
            reconciles ? .atMostOnce(settling: settling, reconcile: { _, _ in .unknown("ask") }) : .atMostOnce
        return [
            phase("a"), call("b", rule).retry(.fixed(attempts: attempts, every: .zero)), phase("c"),
        ]
    }

    private func machine(at point: String, attempts: Int = 1, reconciles: Bool = true) throws -> RunMachine {
        try WaymarkTests.machine(of: Self.steps(reconciles: reconciles), at: point, attempts: attempts)
    }

    /// A machine whose call failed for good: in its last attempt, or beyond mending in its first.
    private func failed(_ failure: StepFailure, attempts: Int) throws -> (RunMachine, RunMachine.Action) {
        var machine = try machine(at: "a", attempts: attempts)
        var random = LargestNumber()
        _ = machine.begun(work, as: "b:begun")
        let action = machine.failed(begunWork, failure, using: &random)
        return (machine, action)
    }

    @Test func itIsBegunOnRecordBeforeItIsMade() throws {
        var machine = try machine(at: "a")
        #expect(machine.resume(sincePoint: .zero) == .begin(work))
        #expect(machine.beginning(of: work) == "b:begun")
        #expect(machine.begun(work, as: "b:begun") == .perform(begunWork))
        #expect(machine.state == RunState(recoveryPoint: "b:begun", attempts: 1))
        let next = Work(step: 2, direction: .forward, from: "b", to: "finished")
        #expect(machine.committed(begunWork) == .perform(next))
        #expect(machine.state == RunState(recoveryPoint: "b", attempts: 1, done: [FinishedStep(step: 1)]))
    }

    @Test("One that was found begun is asked about, once more than it may be tried", arguments: 1...attempts + 1)
    func foundBegun(attempts: Int) throws {
        for since in [Duration.zero, Self.settling, .hours(1_000)] {
            #expect(try machine(at: "b:begun", attempts: attempts).resume(sincePoint: since) == .reconcile(begunWork))
        }
    }

    @Test func holdersThatDieOverTheQuestionDoNotAskForEver() throws {
        let machine = try machine(at: "b:begun", attempts: Self.attempts + 2)
        #expect(machine.resume(sincePoint: .zero) == .park(.outcomeUnknown))
    }

    @Test(arguments: [1, 2, attempts + 1, 1_000])
    func whereNobodyCanBeAskedAPersonMust(attempts: Int) throws {
        let machine = try machine(at: "b:begun", attempts: attempts, reconciles: false)
        #expect(machine.resume(sincePoint: .zero) == .park(.outcomeUnknown))
    }

    @Test func aFailedCallIsAskedAboutBeforeItIsMadeAgain() throws {
        var (machine, action) = try failed(.transient(retryAfter: nil), attempts: 1)
        #expect(action == .retry(after: .zero))
        #expect(machine.retried(sincePoint: .seconds(1)) == .reconcile(begunWork))
        #expect(machine.state.attempts == 2)
        (machine, action) = try failed(.transient(retryAfter: .seconds(3)), attempts: 1)
        #expect(action == .release(after: .seconds(3), counted: true))
    }

    @Test func withoutAQuestionAFailedCallParks() throws {
        var machine = try machine(at: "a", reconciles: false)
        _ = machine.begun(work, as: "b:begun")
        #expect(machine.retried(sincePoint: .zero) == .park(.outcomeUnknown))
    }

    @Test func didNotHappenIsBelievedOnceItIsSettled() throws {
        var machine = try machine(at: "b:begun")
        let tooEarly = machine.resolvedAsNotHappened(begunWork, sincePoint: Self.settling - .seconds(1))
        #expect(tooEarly == .release(after: .seconds(1), counted: false))
        #expect(
            machine.resolvedAsNotHappened(begunWork, sincePoint: Self.settling - atom)
                == .release(after: atom, counted: false))
        #expect(machine.resolvedAsNotHappened(begunWork, sincePoint: Self.settling) == .begin(begunWork))
        #expect(machine.begun(begunWork, as: "b:begun") == .perform(begunWork))
        #expect(machine.state == RunState(recoveryPoint: "b:begun", attempts: 1))
    }

    /// No later than the timeout can the call itself be sent; a minute is for the foreign system.
    @Test func settlingIsTheTimeoutAndAMinuteUnlessDeclared() throws {
        let step = call("b", .atMostOnce(reconcile: { _, _ in .unknown("ask") })).timeout(.seconds(7))
            .undoneCall(.atMostOnce, timeout: .seconds(9))
        let declared = try SagaDeclaration(Assembled([step, phase("c")])).steps[0]
        #expect(declared.kind == .foreignCall(.atMostOnce(settling: .seconds(67))))
        #expect(declared.compensation?.kind == .foreignCall(.atMostOnce(settling: .seconds(69))))
    }

    @Test("Attempts used up stay so while the last call settles", arguments: [(attempts, false), (1, true)])
    func usedUpWhileSettling(attempts: Int, isUnretryable: Bool) throws {
        var (machine, action) = try failed(
            isUnretryable ? .unretryable : .transient(retryAfter: nil), attempts: attempts)
        #expect(action == .reconcile(begunWork))
        action = machine.resolvedAsNotHappened(begunWork, sincePoint: .zero)
        #expect(action == .release(after: Self.settling, counted: true))
        var next = try successor(of: machine, of: Self.steps())
        #expect(next.resume(sincePoint: Self.settling) == .reconcile(begunWork))
        #expect(next.resolvedAsNotHappened(begunWork, sincePoint: Self.settling) == .park(.attemptsExhausted))
    }

    @Test(arguments: [(attempts, StepFailure.transient(retryAfter: nil)), (1, .unretryable)])
    func usedUpAndSettled(attempts: Int, failure: StepFailure) throws {
        var (machine, action) = try failed(failure, attempts: attempts)
        #expect(action == .reconcile(begunWork))
        action = machine.resolvedAsNotHappened(begunWork, sincePoint: Self.settling)
        #expect(action == .park(.attemptsExhausted))
    }

    /// The claim was one attempt too many, but the question may still be answered.
    @Test func aHolderThatDiedInTheLastAttemptIsAskedAfter() throws {
        var machine = try machine(at: "b:begun", attempts: Self.attempts + 1)
        #expect(machine.resume(sincePoint: .zero) == .reconcile(begunWork))
        let early = machine.resolvedAsNotHappened(begunWork, sincePoint: .zero)
        #expect(early == .release(after: Self.settling, counted: false))
        #expect(machine.resolvedAsNotHappened(begunWork, sincePoint: Self.settling) == .park(.attemptsExhausted))
        let next = Work(step: 2, direction: .forward, from: "b", to: "finished")
        #expect(machine.committed(begunWork) == .perform(next))
    }

    @Test func attemptsUsedUpBeforeItWasBegunLeaveNothingToAsk() throws {
        let machine = try machine(at: "a", attempts: Self.attempts + 1)
        #expect(machine.resume(sincePoint: .zero) == .park(.attemptsExhausted))
    }

    @Test func aQuestionThatFailsIsAskedAgain() throws {
        let refused = Rejection(status: 402, type: "declined", title: "Declined.")
        func answer(_ failure: StepFailure, attempts: Int) throws -> RunMachine.Action {
            var (machine, random) = (try machine(at: "b:begun", attempts: attempts), LargestNumber())
            return machine.reconcileFailed(begunWork, failure, sincePoint: .zero, using: &random)
        }
        #expect(try answer(.transient(retryAfter: nil), attempts: 2) == .retry(after: .zero))
        #expect(
            try answer(.transient(retryAfter: .seconds(9)), attempts: 2) == .release(after: .seconds(9), counted: true))
        #expect(try answer(.transient(retryAfter: nil), attempts: 3) == .park(.outcomeUnknown))
        #expect(try answer(.transient(retryAfter: nil), attempts: 4) == .park(.outcomeUnknown))
        #expect(try answer(.rejected(refused), attempts: 1) == .reject(refused, finishes: true))
        #expect(try answer(.hopeless(.unstorableOutput), attempts: 1) == .park(.unstorableOutput))
    }

    /// Otherwise the next attempt would make the call that no attempt will mend.
    @Test func aQuestionAboutAnUnretryableCallThatFailsParks() throws {
        var (machine, action) = try failed(.unretryable, attempts: 1)
        #expect(action == .reconcile(begunWork))
        var random = LargestNumber()
        action = machine.reconcileFailed(begunWork, .transient(retryAfter: nil), sincePoint: .zero, using: &random)
        #expect(action == .park(.outcomeUnknown))
    }
}
