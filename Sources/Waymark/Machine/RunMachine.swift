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
    /// How many calls are made to settle one whose outcome is unknown, beyond those of its retry policy. Together with
    /// `settlingDelays`, that takes about an hour and a half.
    package static let settlingCalls = 100
    /// A call that kills its process must not be settled for ever.
    package static let deathsOverSettling = 3
    private static let settlingDelays = RetryPolicy.exponential()

    /// Whether the attempt under way has made its call: what did not happen then is not tried once more.
    private var hasCalled = false
    /// The answer that follows if the call turns out not to have happened: its latest attempt was refused.
    private var refusal: Rejection?

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
        if let verdict = state.verdict { return carryOut(verdict, work, traits, sincePoint: sincePoint) }
        return isUsedUp(traits, sincePoint: sincePoint)
            ? usedUp(work, traits, sincePoint: sincePoint) : approach(work, traits, sincePoint: sincePoint)
    }

    /// The work's commit is known to have happened.
    /// - Parameters:
    ///   - choice: the label that a choice came to.
    ///   - counts: whether the step is undone after a rejection: not where it was skipped or degraded.
    package mutating func committed(_ work: Work, choice: String? = nil, counts: Bool = true) -> Action {
        state.recoveryPoint = work.to
        state.attempts = 1
        state.isInDoubt = false
        state.deaths = 0
        (hasCalled, refusal) = (false, nil)
        switch work.direction {
        case .forward:
            if let choice { state.choices[plan[work.step].name] = choice }
            if counts { state.done.append(FinishedStep(step: work.step, element: work.element)) }
        case .compensating:
            state.done.removeAll { $0 == FinishedStep(step: work.step, element: work.element) }
        }
        if work.finishes { return .done }
        if let verdict = state.verdict { return reject(verdict) }
        guard let next else { return atEnd }
        return approach(next, traits(of: next), sincePoint: .zero)
    }

    /// The work's beginning is committed.
    package mutating func begun(_ work: Work, as point: String) -> Action {
        state.recoveryPoint = point
        state.isInDoubt = false
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
            state.isInDoubt = false
            if let answer = state.verdict ?? refusal { return reject(answer) }
            return isUsedUp ? exhausted(work, traits) : .begin(work)
        }
        state.isInDoubt = false
        if let answer = state.verdict ?? refusal { return reject(answer) }
        if isUsedUp { return exhausted(work, traits) }
        hasCalled = true
        return .perform(work)
    }

    /// The attempt under way was broken off: a call may have been made.
    package mutating func brokeOff(_ work: Work) {
        if case .foreignCall = traits(of: work).kind { state.isInDoubt = true }
    }

    /// The branches of a group were run as far as they go.
    /// - Parameter isInDoubt: whether one of them was broken off while its call may have been made.
    package mutating func ranBranches(isInDoubt: Bool) {
        state.isInDoubt = isInDoubt
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
        if case .foreignCall = traits.kind, failure.leavesDoubt { state.isInDoubt = true }
        switch failure {
        case .rejected(let rejection) where work.direction == .forward:
            return refused(work, traits, rejection)
        case .hopeless(let reason), .hopelessNotHappened(let reason):
            return .park(reason)
        case .lasting(let reason):
            return exhausted(work, traits, parking: reason)
        case .unretryable, .unretryableNotHappened:
            return giveUp(work, traits, retryAfter: nil, sincePoint: sincePoint, using: &generator)
        case .rejected:
            // A compensation has no one to refuse to: it is tried again, and parks in the end.
            return retry(work, traits, retryAfter: nil, sincePoint: sincePoint, using: &generator)
        case .transient(let retryAfter), .notHappened(let retryAfter):
            return retry(work, traits, retryAfter: retryAfter, sincePoint: sincePoint, using: &generator)
        }
    }

    /// The question whether the call happened was not answered.
    package mutating func reconcileFailed(
        _ work: Work, _ failure: StepFailure, sincePoint: Duration, using generator: inout some RandomNumberGenerator
    ) -> Action {
        let traits = traits(of: work)
        let after: Duration?
        switch failure {
        case .transient(let retryAfter), .notHappened(let retryAfter): after = retryAfter
        case .rejected(let rejection) where work.direction == .forward:
            // The foreign system says that it refused the call.
            state.isInDoubt = false
            return reject(state.verdict ?? rejection)
        default: return failed(work, failure, sincePoint: sincePoint, using: &generator)
        }
        let delay = delay(traits, retryAfter: after, using: &generator)
        if state.verdict != nil { return maySettle(traits) ? wait(delay) : .park(.outcomeUnknown) }
        let mayAskAgain = traits.retry.allowsAttempt(after: state.attempts, sincePoint: sincePoint + delay)
        return mayAskAgain && !hasCalled ? wait(delay) : .park(.outcomeUnknown)
    }

    /// The delay is over and the further attempt is committed.
    package mutating func retried(sincePoint: Duration) -> Action {
        state.attempts += 1
        (hasCalled, refusal) = (false, nil)
        return resume(sincePoint: sincePoint)
    }

    /// The rejection is committed as the pending answer.
    package mutating func rejected(finishes: Bool) -> Action {
        if finishes { return .done }
        state.direction = .compensating
        state.attempts = 1
        state.isInDoubt = false
        state.verdict = nil
        (hasCalled, refusal) = (false, nil)
        guard let next else { return .park(.unreadableState) }
        return approach(next, traits(of: next), sincePoint: .zero)
    }

    private mutating func retry(
        _ work: Work, _ traits: Traits, retryAfter: Duration?, sincePoint: Duration,
        using generator: inout some RandomNumberGenerator
    ) -> Action {
        let delay = delay(traits, retryAfter: retryAfter, using: &generator)
        let isAllowed = traits.retry.allowsAttempt(after: state.attempts, sincePoint: sincePoint + delay)
        if state.verdict == nil, isAllowed { return wait(delay) }
        return giveUp(work, traits, retryAfter: retryAfter, sincePoint: sincePoint, using: &generator)
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

    /// No attempt is left, and the latest one failed just now.
    private mutating func giveUp(
        _ work: Work, _ traits: Traits, retryAfter: Duration?, sincePoint: Duration,
        using generator: inout some RandomNumberGenerator
    ) -> Action {
        hasCalled = true
        let action = usedUp(work, traits, sincePoint: sincePoint)
        guard case .perform = action else { return action }
        let delay = Self.settlingDelays.delay(
            afterAttempt: state.attempts, retryAfter: retryAfter, using: &generator)
        return isPastHorizon(work, sincePoint: sincePoint + delay) ? .park(.horizonPassed) : wait(delay)
    }

    /// No attempt is left. A call that may have happened is settled before anything is decided on it.
    private func usedUp(_ work: Work, _ traits: Traits, sincePoint: Duration) -> Action {
        // Parking loses nothing: a person finds out.
        if traits.exhaustion == .park, state.verdict == nil, !traits.isAtMostOnce { return exhausted(work, traits) }
        switch settling(work, traits) {
        case .needless: return exhausted(work, traits)
        case .impossible: return .park(.outcomeUnknown)
        case .calling:
            // Nothing would ever be undone of what happened: the request goes on with the substitute.
            let isOptional = traits.exhaustion == .degrade && !traits.isUndone && state.verdict == nil
            return isOptional ? exhausted(work, traits) : callAgain(work, traits, sincePoint: sincePoint)
        case .asking:
            // A holder that dies over the question itself must not ask it for ever.
            let mayAsk = state.verdict == nil ? state.attempts <= traits.retry.attempts + 1 : maySettle(traits)
            return mayAsk ? .reconcile(work) : .park(.outcomeUnknown)
        }
    }

    private func exhausted(
        _ work: Work, _ traits: Traits, parking reason: ParkedReason = .attemptsExhausted
    ) -> Action {
        if let verdict = state.verdict { return reject(verdict) }
        switch traits.exhaustion {
        case .park: return .park(reason)
        case .degrade: return .degrade(work)
        case .reject(let rejection): return reject(rejection)
        }
    }

    /// A person decided on a rejection: what may have happened is settled, then the request is rejected.
    private func carryOut(_ verdict: Rejection, _ work: Work, _ traits: Traits, sincePoint: Duration) -> Action {
        // Its branches are settled one by one.
        if work.isBegun, plan[work.step].isGroup { return .perform(work) }
        switch settling(work, traits) {
        case .needless: return reject(verdict)
        case .impossible: return .park(.outcomeUnknown)
        case .asking: return maySettle(traits) ? .reconcile(work) : .park(.outcomeUnknown)
        case .calling: return callAgain(work, traits, sincePoint: sincePoint)
        }
    }

    /// The attempt was refused. Where an earlier one may have happened, the refusal may only be of the repetition.
    private mutating func refused(_ work: Work, _ traits: Traits, _ rejection: Rejection) -> Action {
        let answer = state.verdict ?? rejection
        guard state.isInDoubt, case .foreignCall(.keyed(_, replaysAnswers: false)) = traits.kind else {
            return reject(answer)
        }
        // Another call would be refused too.
        guard traits.reconciles else { return .park(.outcomeUnknown) }
        refusal = answer
        return .reconcile(work)
    }

    /// How it is found out whether a call happened.
    package enum Settling: Sendable {
        /// Nothing happened, or nothing that would have to be undone.
        case needless
        case asking
        /// Calling again with the same key: the answer tells.
        case calling
        case impossible
    }

    /// How it is found out whether the call that comes next has happened already.
    package var settling: Settling { next.map { settling($0, traits(of: $0)) } ?? .needless }

    private func settling(_ work: Work, _ traits: Traits) -> Settling {
        guard case .foreignCall(let idempotence) = traits.kind, work.isBegun || !traits.isBegunAlone else {
            return .needless
        }
        switch idempotence {
        case .atMostOnce: return traits.reconciles ? .asking : .impossible
        case .natural where !traits.isUndone: return .needless
        case .natural, .keyed:
            if !state.isInDoubt { return .needless }
            return traits.reconciles ? .asking : .calling
        }
    }

    private func callAgain(_ work: Work, _ traits: Traits, sincePoint: Duration) -> Action {
        if isPastHorizon(work, sincePoint: sincePoint) { return .park(.horizonPassed) }
        return maySettle(traits) ? .perform(work) : .park(.outcomeUnknown)
    }

    private func maySettle(_ traits: Traits) -> Bool {
        state.attempts <= traits.retry.attempts + Self.settlingCalls && state.deaths <= Self.deathsOverSettling
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
        guard case .foreignCall(.keyed(let horizon, _)) = traits.kind else { return false }
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
        /// Whether a rejection that comes later undoes it.
        let isUndone: Bool

        var isAtMostOnce: Bool {
            if case .foreignCall(.atMostOnce) = kind { true } else { false }
        }
    }

    func traits(of work: Work) -> Traits {
        let step = plan[work.step]
        if work.direction == .compensating, let undo = step.compensation {
            return Traits(
                kind: undo.kind, retry: undo.retry, timeout: undo.timeout, exhaustion: .park,
                reconciles: undo.body.reconcile != nil, isBegunAlone: undo.isBegunAlone, isUndone: false)
        }
        return Traits(
            kind: step.kind, retry: step.retry, timeout: step.timeout, exhaustion: step.exhaustion,
            reconciles: step.body.reconcile != nil, isBegunAlone: step.beginning != nil,
            isUndone: step.compensation != nil)
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
