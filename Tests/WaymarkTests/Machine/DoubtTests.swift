import Testing

@testable import Waymark

/// A call that may have happened is settled before a request is rejected or a step degraded.
@Suite struct DoubtTests {
    private static let horizon = Duration.hours(24)
    private static let silence = StepFailure.transient(retryAfter: nil)
    private static let keyed = CallRule<Int, Int>.keyed(horizon: horizon)
    private static let asked = CallRule<Int, Int>.keyed(horizon: horizon, reconcile: { _, _ in .unknown("ask") })

    private let work = Work(step: 1, direction: .forward, from: "a", to: "b")
    private let exists = Rejection(status: 409, type: "exists", title: "It exists already.")
    private let down = Rejection(status: 503, type: "down", title: "Down.")

    /// A machine at the second of three steps; each step has an undo.
    private func machine(
        _ rule: CallRule<Int, Int>, attempts: Int = 1, givesUp: Bool = false, isInDoubt: Bool = false,
        verdict: Rejection? = nil
    ) throws -> RunMachine {
        let call = call("b", rule).retry(.fixed(attempts: 2, every: .zero)).undoneCall()
        let step = givesUp ? call.rejectWhenExhausted(status: 503, type: "down", title: "Down.") : call
        let steps: [any Step<Int, Int>] = [phase("a").undonePhase(), step, phase("c")]
        return RunMachine(
            declaration: try SagaDeclaration(Assembled(steps)),
            state: RunState(
                recoveryPoint: "a", attempts: attempts, done: [FinishedStep(step: 0)], isInDoubt: isInDoubt,
                verdict: verdict))
    }

    private func refuse(_ machine: inout RunMachine) -> RunMachine.Action {
        var random = LargestNumber()
        return machine.failed(work, .rejected(exists), using: &random)
    }

    @Test func aRefusalAfterAnAttemptOfUnknownOutcomeIsNoAnswerToThatOne() throws {
        var machine = try machine(Self.keyed, isInDoubt: true)
        #expect(refuse(&machine) == .park(.outcomeUnknown))

        machine = try self.machine(Self.asked, isInDoubt: true)
        #expect(refuse(&machine) == .reconcile(work))
        #expect(machine.resolvedAsNotHappened(work, sincePoint: .zero) == .reject(exists, finishes: false))

        machine = try self.machine(Self.asked, isInDoubt: true)
        #expect(refuse(&machine) == .reconcile(work))
        let next = Work(step: 2, direction: .forward, from: "b", to: "finished")
        #expect(machine.committed(work) == .perform(next), "it happened, so the request goes on")
    }

    @Test func aRefusalIsBelievedWhereNothingElseMayHaveHappened() throws {
        let replaying = CallRule<Int, Int>.keyed(horizon: Self.horizon, replaysAnswers: true)
        for (rule, isInDoubt) in [(Self.keyed, false), (Self.asked, false), (replaying, true), (.natural, true)] {
            var machine = try machine(rule, isInDoubt: isInDoubt)
            #expect(refuse(&machine) == .reject(exists, finishes: false))
        }
    }

    @Test func whatEachFailureSaysOfTheAttempt() throws {
        let doubtful: [(StepFailure, Bool)] = [
            (Self.silence, true), (.unretryable, true), (.hopeless(.unstorableOutput), true),
            (.hopeless(.lastingError), true), (.hopeless(.constraintViolated), true),
            (.notHappened(retryAfter: nil), false), (.hopeless(.unreadableState), false),
            (.hopelessNotHappened(.unstorableOutput), false),
        ]
        for (failure, expected) in doubtful {
            var (machine, random) = (try machine(Self.keyed), LargestNumber())
            _ = machine.failed(work, failure, using: &random)
            #expect(machine.state.isInDoubt == expected, "\(failure)")
        }
        var broken = try machine(Self.keyed)
        broken.brokeOff(work)
        #expect(broken.state.isInDoubt)
        var known = try machine(Self.keyed, isInDoubt: true)
        var random = LargestNumber()
        _ = known.failed(work, .notHappened(retryAfter: nil), using: &random)
        #expect(known.state.isInDoubt, "of the attempts before it says nothing")
    }

    @Test func aUsedUpCallIsMadeAgainUntilItsOutcomeIsKnown() throws {
        var (machine, random) = (try machine(Self.keyed, attempts: 2, givesUp: true, isInDoubt: true), LargestNumber())
        guard case .retry(let delay) = machine.failed(work, Self.silence, using: &random) else {
            Issue.record("it is given up")
            return
        }
        #expect(delay > .zero)
        #expect(machine.retried(sincePoint: .zero) == .perform(work))
        let next = Work(step: 2, direction: .forward, from: "b", to: "finished")
        var happened = machine
        #expect(happened.committed(work) == .perform(next))
        #expect(machine.failed(work, Self.silence, sincePoint: Self.horizon, using: &random) == .park(.horizonPassed))
        var tired = try self.machine(
            Self.keyed, attempts: 2 + RunMachine.settlingCalls, givesUp: true, isInDoubt: true)
        #expect(tired.resume(sincePoint: .zero) == .perform(work))
        #expect(tired.retried(sincePoint: .zero) == .park(.outcomeUnknown))
    }

    @Test func aUsedUpCallThatIsKnownNotToHaveHappenedIsGivenUpAtOnce() throws {
        for rule in [Self.keyed, Self.asked] {
            var (machine, random) = (try machine(rule, attempts: 2, givesUp: true), LargestNumber())
            let action = machine.failed(work, .notHappened(retryAfter: nil), using: &random)
            #expect(action == .reject(down, finishes: false))
        }
    }

    @Test func aCallThatKillsItsProcessIsNotSettledForEver() throws {
        for deaths in [RunMachine.deathsOverSettling, RunMachine.deathsOverSettling + 1] {
            let steps: [any Step<Int, Int>] = [
                phase("a"), call("b", Self.keyed).retry(.none).orElse(7).undoneCall(), phase("c"),
            ]
            let state = RunState(recoveryPoint: "a", attempts: 2 + deaths, isInDoubt: true, deaths: deaths)
            let machine = RunMachine(declaration: try SagaDeclaration(Assembled(steps)), state: state)
            let isCalled = deaths == RunMachine.deathsOverSettling
            #expect(machine.resume(sincePoint: .zero) == (isCalled ? .perform(work) : .park(.outcomeUnknown)))
        }
    }

    // MARK: A person's rejection

    @Test func aVerdictWaitsForTheCallAndUndoesItToo() throws {
        var machine = try machine(Self.keyed, isInDoubt: true, verdict: down)
        #expect(machine.resume(sincePoint: .zero) == .perform(work))
        #expect(machine.committed(work) == .reject(down, finishes: false))
        let undo = Work(step: 1, direction: .compensating, from: "b", to: "b:undone")
        #expect(machine.rejected(finishes: false) == .perform(undo))
        #expect(machine.state.verdict == nil)
    }

    @Test func aVerdictIsCarriedOutAtOnceWhereNothingIsInDoubt() throws {
        #expect(try machine(Self.keyed, verdict: down).resume(sincePoint: .zero) == .reject(down, finishes: false))
    }

    @Test func aVerdictOutlivesTheStepsOwnPolicy() throws {
        var (machine, random) = (try machine(Self.keyed, attempts: 2, isInDoubt: true, verdict: down), LargestNumber())
        guard case .retry = machine.failed(work, Self.silence, using: &random) else {
            Issue.record("it is parked for attempts that are used up")
            return
        }
        #expect(machine.failed(work, Self.silence, sincePoint: Self.horizon, using: &random) == .park(.horizonPassed))
    }

    @Test func aVerdictAsksWhereThatIsDeclared() throws {
        var machine = try machine(Self.asked, isInDoubt: true, verdict: down)
        #expect(machine.resume(sincePoint: Self.horizon) == .reconcile(work))
        #expect(machine.resolvedAsNotHappened(work, sincePoint: Self.horizon) == .reject(down, finishes: false))
    }

    @Test func giveUpNeedsAWayToSettle() throws {
        let giving: [any Step<Int, Int>] = [call("b", .atMostOnce).orElse(7), phase("c")]
        let error = #expect(throws: SagaDeclarationError.self) { try SagaDeclaration(Assembled(giving)) }
        #expect(error?.description.contains("step 'b': it is called at most once and declares no reconcile") == true)
        // The undo of a call that returned needs none.
        _ = try SagaDeclaration(Assembled([call("b", .atMostOnce).undoneCall(), phase("c")]))
    }
}
