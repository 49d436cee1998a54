/// Decides what happens next to a line of a key that a runner holds. No I/O: the runner performs the action, and reports back.
///
/// ```
/// resume ─┬► perform ──committed──► perform … ──► done
///         │     │ failed
///         │     ├──► retry ──retried──► resume         (the lease is kept)
///         │     ├──► release                           (the completionist goes on, later)
///         │     ├──► reject ──rejected──► perform (compensations) … ──► done
///         │     └──► degrade ──committed──► …  or  park
///         ├► begin ──begun──► perform                  (what must be on record before it happens)
///         └► reconcile ─┬─happened: committed──► …     (a call of which no result is known)
///                       ├─did not happen──► begin or perform
///                       └─unknown──► park
/// ```
package struct RunMachine: Sendable {
    /// What the runner is to do. Each is committed, under the fence, before the machine is told that it happened.
    ///
    /// Cases are indirect for the same reason for which `Work` is a class: what waits for a call keeps one of them.
    package enum Action: Sendable, Equatable {
        /// Run the step; commit its output with `Work.to`.
        case perform(Work)
        /// Commit that the step is about to be performed, then report `begun`.
        case begin(Work)
        /// Ask whether the call happened, then report `resolved`, or `committed` with the output it had.
        case reconcile(Work)
        /// Commit one more attempt, wait while holding the lease, then report `retried`.
        indirect case retry(after: Duration)
        /// Give the lease back, due again after this time; one that is not counted made no attempt.
        indirect case release(after: Duration, counted: Bool)
        /// Commit the step's declared substitute as its output.
        case degrade(Work)
        /// Commit the rejection as the pending answer (and as the final one, where nothing is to be undone).
        indirect case reject(Rejection, finishes: Bool)
        case park(ParkedReason)
        /// The line is at its end: the answer is committed, or the branch is over.
        case done
    }

    /// Delays up to this are waited out while holding the lease: a client is often still there, and a release costs a
    /// claim. Longer ones are the completionist's.
    package static let longestWaitHolding: Duration = .seconds(2)

    let plan: StepPlan
    let line: Int
    let element: Int?
    package internal(set) var state: RunState
    /// Whether the attempt under way has made its call: what did not happen then is not tried once more.
    private var hasCalled = false

    /// - Parameters:
    ///   - line: which of the plan's lines.
    ///   - element: the element of a ForEach that the line is for.
    package init(
        declaration: SagaDeclaration, line: Int = StepPlan.main, element: Int? = nil, state: RunState
    ) {
        plan = declaration.plan
        self.line = line
        self.element = element
        self.state = state
    }

    /// The key was accepted or claimed.
    /// - Parameter sincePoint: how long ago its recovery point was committed.
    package func resume(sincePoint: Duration) -> Action {
        if state.direction == .compensating, hasForgottenStep { return .park(.unreadableState) }
        guard let work = next else { return atEnd }
        let traits = traits(of: work)
        return isUsedUp(traits, sincePoint: sincePoint)
            ? usedUp(work, traits) : approach(work, traits, sincePoint: sincePoint)
    }

    /// The work's commit is known to have happened.
    /// - Parameters:
    ///   - choice: the label that a choice came to.
    ///   - counts: whether the step is undone after a rejection: not where it was skipped or degraded.
    package mutating func committed(_ work: Work, choice: String? = nil, counts: Bool = true) -> Action {
        state.recoveryPoint = work.to
        state.attempts = 1
        hasCalled = false
        switch work.direction {
        case .forward:
            if let choice { state.choices[plan[work.step].name] = choice }
            if counts { state.done.append(FinishedStep(step: work.step, element: work.element)) }
        case .compensating:
            state.done.removeAll { $0 == FinishedStep(step: work.step, element: work.element) }
        }
        if work.finishes { return .done }
        guard let next else { return atEnd }
        return approach(next, traits(of: next), sincePoint: .zero)
    }

    /// The work's beginning is committed.
    package mutating func begun(_ work: Work, as point: String) -> Action {
        state.recoveryPoint = point
        hasCalled = true
        return .perform(work.begun(at: point))
    }

    /// The call is known not to have happened.
    package mutating func resolvedAsNotHappened(_ work: Work, sincePoint: Duration) -> Action {
        let traits = traits(of: work)
        let isUsedUp = hasCalled || isUsedUp(traits, sincePoint: sincePoint)
        if case .foreignCall(.atMostOnce(let settling)) = traits.kind {
            if sincePoint < settling {
                // Whoever asks again finds the attempts used up too: otherwise it would call once more, time and again.
                if hasCalled { state.attempts = max(state.attempts, traits.retry.attempts) }
                return .release(after: settling - sincePoint, counted: hasCalled)
            }
            return isUsedUp ? exhausted(work, traits) : .begin(work)
        }
        if isUsedUp { return exhausted(work, traits) }
        hasCalled = true
        return .perform(work)
    }

    /// The branches of a group were read back: what they committed is to be undone too.
    package mutating func learned(done: [FinishedStep]) {
        state.done = done
    }

    /// The work failed, and nothing of it is committed.
    package mutating func failed(
        _ work: Work, _ failure: StepFailure, sincePoint: Duration = .zero,
        using generator: inout some RandomNumberGenerator
    ) -> Action {
        let traits = traits(of: work)
        switch failure {
        case .rejected(let rejection) where work.direction == .forward:
            return reject(rejection)
        case .hopeless(let reason):
            return .park(reason)
        case .unretryable:
            hasCalled = true
            return usedUp(work, traits)
        case .rejected:
            // A compensation has no one to refuse to: it is tried again, and parks in the end.
            return retry(work, traits, retryAfter: nil, sincePoint: sincePoint, using: &generator)
        case .transient(let retryAfter):
            return retry(work, traits, retryAfter: retryAfter, sincePoint: sincePoint, using: &generator)
        }
    }

    /// The question whether the call happened was not answered.
    package mutating func reconcileFailed(
        _ work: Work, _ failure: StepFailure, sincePoint: Duration, using generator: inout some RandomNumberGenerator
    ) -> Action {
        let traits = traits(of: work)
        guard case .transient(let retryAfter) = failure else {
            return failed(work, failure, sincePoint: sincePoint, using: &generator)
        }
        let delay = delay(traits, retryAfter: retryAfter, using: &generator)
        let mayAskAgain = traits.retry.allowsAttempt(after: state.attempts, sincePoint: sincePoint + delay)
        return mayAskAgain && !hasCalled ? wait(delay) : .park(.outcomeUnknown)
    }

    /// The delay is over and the further attempt is committed.
    package mutating func retried(sincePoint: Duration) -> Action {
        state.attempts += 1
        hasCalled = false
        return resume(sincePoint: sincePoint)
    }

    /// The rejection is committed as the pending answer.
    package mutating func rejected(finishes: Bool) -> Action {
        if finishes { return .done }
        state.direction = .compensating
        state.attempts = 1
        hasCalled = false
        guard let next else { return .park(.unreadableState) }
        return approach(next, traits(of: next), sincePoint: .zero)
    }

    private mutating func retry(
        _ work: Work, _ traits: Traits, retryAfter: Duration?, sincePoint: Duration,
        using generator: inout some RandomNumberGenerator
    ) -> Action {
        let delay = delay(traits, retryAfter: retryAfter, using: &generator)
        if traits.retry.allowsAttempt(after: state.attempts, sincePoint: sincePoint + delay) { return wait(delay) }
        hasCalled = true
        return usedUp(work, traits)
    }

    private func delay(
        _ traits: Traits, retryAfter: Duration?, using generator: inout some RandomNumberGenerator
    ) -> Duration {
        traits.retry.delay(afterAttempt: state.attempts, retryAfter: retryAfter, using: &generator)
    }

    private func wait(_ delay: Duration) -> Action {
        delay <= Self.longestWaitHolding ? .retry(after: delay) : .release(after: delay, counted: true)
    }

    /// Whether the attempt at hand is one too many: a claim counts it before anybody asks whether it may be made.
    private func isUsedUp(_ traits: Traits, sincePoint: Duration) -> Bool {
        state.attempts > 1 && !traits.retry.allowsAttempt(after: state.attempts - 1, sincePoint: sincePoint)
    }

    /// No attempt is left. Where a call may have happened and somebody can be asked, that comes first.
    private func usedUp(_ work: Work, _ traits: Traits) -> Action {
        if traits.isBegunAlone, !work.isBegun { return exhausted(work, traits) }
        guard traits.isAtMostOnce || traits.reconciles && traits.exhaustion != .park else {
            return exhausted(work, traits)
        }
        // A holder that dies over the question itself must not ask it for ever.
        let mayAsk = traits.reconciles && state.attempts <= traits.retry.attempts + 1
        return mayAsk ? .reconcile(work) : .park(.outcomeUnknown)
    }

    private func exhausted(_ work: Work, _ traits: Traits) -> Action {
        switch traits.exhaustion {
        case .park: .park(.attemptsExhausted)
        case .degrade: .degrade(work)
        case .reject(let rejection): reject(rejection)
        }
    }

    private func reject(_ rejection: Rejection) -> Action {
        hasForgottenStep ? .park(.unreadableState) : .reject(rejection, finishes: nextUndo == nil)
    }

    /// What a step of an earlier declaration did cannot be undone by this one.
    private var hasForgottenStep: Bool { state.done.contains { $0.step == nil } }

    /// What is to be done before the work is performed, or the work.
    private func approach(_ work: Work, _ traits: Traits, sincePoint: Duration) -> Action {
        if traits.isBegunAlone, !work.isBegun { return .begin(work) }
        switch traits.kind {
        case .foreignCall(.atMostOnce):
            return traits.reconciles ? .reconcile(work) : .park(.outcomeUnknown)
        case .foreignCall where isPastHorizon(work, sincePoint: sincePoint):
            return traits.reconciles ? .reconcile(work) : .park(.horizonPassed)
        default:
            return .perform(work)
        }
    }

    /// Whether a keyed call would not lie within its horizon as a whole: the foreign system may see it as late as the
    /// timeout. Asked when the call is decided on and once more when it is sent, for a process may be frozen in between.
    package func isPastHorizon(_ work: Work, sincePoint: Duration) -> Bool {
        let traits = traits(of: work)
        guard case .foreignCall(.keyed(let horizon)) = traits.kind else { return false }
        return sincePoint + traits.timeout >= horizon
    }

    private var atEnd: Action {
        state.recoveryPoint == SagaDeclaration.finished && line != StepPlan.main ? .done : .park(.unreadableState)
    }
}

extension RunMachine {
    /// What the machine needs to know of a piece of work.
    struct Traits {
        let kind: DeclaredStep.Kind
        let retry: RetryPolicy
        let timeout: Duration
        let exhaustion: Exhaustion
        let reconciles: Bool
        let isBegunAlone: Bool

        var isAtMostOnce: Bool {
            if case .foreignCall(.atMostOnce) = kind { true } else { false }
        }
    }

    func traits(of work: Work) -> Traits {
        let step = plan[work.step]
        if work.direction == .compensating, let undo = step.compensation {
            return Traits(
                kind: undo.kind, retry: undo.retry, timeout: undo.timeout, exhaustion: .park,
                reconciles: undo.body.reconcile != nil, isBegunAlone: undo.isBegunAlone)
        }
        return Traits(
            kind: step.kind, retry: step.retry, timeout: step.timeout, exhaustion: step.exhaustion,
            reconciles: step.body.reconcile != nil, isBegunAlone: step.beginning != nil)
    }

    /// How long one attempt at `work` may take.
    package func timeout(of work: Work) -> Duration { traits(of: work).timeout }

    /// The recovery point that says that `work` is begun.
    package func beginning(of work: Work) -> String {
        let step = plan[work.step]
        guard work.direction == .forward else {
            return RecoveryPoint(step: step.name, stage: .undoing, element: work.element).description
        }
        return RecoveryPoint(step: step.name, stage: step.beginning).description
    }
}
