import Testing

@testable import Waymark

/// What transient failures lead to: a retry, a release, a park.
@Suite struct RunMachineFailureTests {
    private let forward = Work(step: 1, direction: .forward, from: "a", to: "b")
    private let undo = Work(step: 1, direction: .compensating, from: "b", to: "b:undone")
    private let rejection = Rejection(status: 409, type: "sold_out", title: "Sold out.")

    /// Three attempts a step, with a ceiling of `ceiling` for each delay.
    private func machine(_ direction: Direction, attempts: Int, ceiling: Duration) throws -> RunMachine {
        let retry = RetryPolicy.fixed(attempts: 3, every: ceiling)
        let done = [FinishedStep(step: 0)] + (direction == .forward ? [] : [FinishedStep(step: 1)])
        let declaration = try SagaDeclaration(
            Assembled([
                phase("a").retry(retry).undonePhase(retry: retry), call("b").retry(retry).undoneCall(retry: retry),
                phase("c").retry(retry),
            ])
        )
        return RunMachine(
            declaration: declaration,
            state: RunState(
                direction: direction,
                recoveryPoint: direction == .forward ? "a" : "b",
                attempts: attempts,
                done: done
            )
        )
    }

    private func action(
        _ failure: StepFailure,
        _ direction: Direction = .forward,
        attempts: Int = 1,
        ceiling: Duration = .seconds(2)
    ) throws -> RunMachine.Action {
        var longest = LargestNumber()
        var machine = try machine(direction, attempts: attempts, ceiling: ceiling)
        return machine.failed(direction == .forward ? forward : undo, failure, using: &longest)
    }

    @Test(arguments: [Direction.forward, .compensating])
    func shortDelaysAreWaitedOutHoldingTheLease(direction: Direction) throws {
        #expect(try action(.transient(retryAfter: nil), direction) == .retry(after: .seconds(2)))
        #expect(try action(.transient(retryAfter: nil), direction, ceiling: .zero) == .retry(after: .zero))
    }

    @Test(arguments: [Direction.forward, .compensating])
    func longDelaysAreLeftToTheCompletionist(direction: Direction) throws {
        let ceiling = RunMachine.longestWaitHolding + .milliseconds(500)
        let released = RunMachine.Action.release(after: ceiling, counted: true)
        #expect(try action(.transient(retryAfter: nil), direction, ceiling: ceiling) == released)
    }

    @Test func retryAfterDecidesBetweenWaitingAndReleasing() throws {
        let (short, long) = (Duration.milliseconds(1_999), Duration.milliseconds(2_001))
        #expect(try action(.transient(retryAfter: short), ceiling: .zero) == .retry(after: short))
        #expect(try action(.transient(retryAfter: long), ceiling: .zero) == .release(after: long, counted: true))
    }

    @Test(arguments: [Direction.forward, .compensating])
    func theLastAttemptParks(direction: Direction) throws {
        #expect(try action(.transient(retryAfter: nil), direction, attempts: 2) == .retry(after: .seconds(2)))
        #expect(try action(.transient(retryAfter: nil), direction, attempts: 3) == .park(.attemptsExhausted))
        #expect(try action(.transient(retryAfter: .seconds(9)), direction, attempts: 3) == .park(.attemptsExhausted))
    }

    @Test func aCompensationThatRejectsIsTriedAgainAndParksInTheEnd() throws {
        #expect(try action(.rejected(rejection), .compensating) == .retry(after: .seconds(2)))
        #expect(try action(.rejected(rejection), .compensating, attempts: 3) == .park(.attemptsExhausted))
    }

    @Test(arguments: ParkedReason.allCases, [Direction.forward, .compensating])
    func whatNoAttemptWillMendParksAtOnce(reason: ParkedReason, direction: Direction) throws {
        #expect(try action(.hopeless(reason), direction) == .park(reason))
    }

    @Test func aRetryCountsOneMoreAttempt() throws {
        var machine = try machine(.forward, attempts: 1, ceiling: .zero)
        #expect(machine.retried(sincePoint: .seconds(1)) == .perform(forward))
        #expect(machine.state.attempts == 2)
        #expect(machine.retried(sincePoint: .seconds(2)) == .perform(forward))
        #expect(machine.retried(sincePoint: .seconds(3)) == .park(.attemptsExhausted))
    }

    @Test("A claim counts the attempt of a holder that died in it", arguments: [1, 2, 3, 4, 1_000_000])
    func aClaimBeyondTheAttemptsParks(attempts: Int) throws {
        let machine = try machine(.forward, attempts: attempts, ceiling: .zero)
        let expected: RunMachine.Action = attempts <= 3 ? .perform(forward) : .park(.attemptsExhausted)
        #expect(machine.resume(sincePoint: .zero) == expected)
    }

    @Test func eachStepHasItsOwnPolicy() throws {
        let declaration = try SagaDeclaration(
            Assembled([phase("a").retry(.none).undonePhase(retry: .fixed(attempts: 2, every: .zero)), phase("b")])
        )
        var random = LargestNumber()
        var once = RunMachine(declaration: declaration, state: RunState(recoveryPoint: "started", attempts: 1))
        #expect(
            once.failed(
                Work(step: 0, direction: .forward, from: "started", to: "a"),
                .transient(retryAfter: nil),
                using: &random
            )
                == .park(.attemptsExhausted)
        )
        let undo = Work(step: 0, direction: .compensating, from: "a", to: "finished")
        var twice = RunMachine(
            declaration: declaration,
            state: RunState(direction: .compensating, recoveryPoint: "a", attempts: 1, done: [FinishedStep(step: 0)])
        )
        #expect(twice.failed(undo, .transient(retryAfter: nil), using: &random) == .retry(after: .zero))
    }
}
