/// Decides what happens next to a key that a runner holds. No I/O: the runner performs the action, and reports back.
///
/// ```
/// resume ──► perform ──committed──► perform … ──► done
///               │ failed
///               ├──► retry ──retried──► perform      (the lease is kept)
///               ├──► release                         (the completionist goes on, later)
///               ├──► reject ──rejected──► perform (compensations) … ──► done
///               └──► park
/// ```
package struct RunMachine: Sendable {
    /// What the runner is to do. Each is committed, under the fence, before the machine is told that it happened.
    package enum Action: Sendable, Equatable {
        /// Run the step; commit its output with `Work.to`.
        case perform(Work)
        /// Commit one more attempt, wait while holding the lease, then report `retried`.
        case retry(after: Duration)
        /// Give the lease back, due again after this time.
        case release(after: Duration)
        /// Commit the rejection as the pending answer (and as the final one, where nothing is to be undone).
        case reject(Rejection, finishes: Bool)
        case park(ParkedReason)
        /// The answer is committed.
        case done
    }

    /// Delays up to this are waited out while holding the lease: a client is often still there, and a release costs a
    /// claim. Longer ones are the completionist's.
    package static let longestWaitHolding: Duration = .seconds(2)

    private let declaration: SagaDeclaration
    package private(set) var state: RunState

    package init(declaration: SagaDeclaration, state: RunState) {
        self.declaration = declaration
        self.state = state
    }

    /// The key was accepted or claimed.
    /// - Parameter sincePoint: how long ago its recovery point was committed.
    package func resume(sincePoint: Duration) -> Action {
        guard let work = next else { return .park(.unreadableState) }
        let (_, retry, _) = traits(of: work)
        if state.attempts > retry.attempts { return .park(.attemptsExhausted) }
        return perform(work, sincePoint: sincePoint)
    }

    /// The work's commit is known to have happened.
    package mutating func committed(_ work: Work) -> Action {
        state.recoveryPoint = work.to
        state.attempts = 1
        if work.finishes { return .done }
        guard let next else { return .park(.unreadableState) }
        return .perform(next)
    }

    /// The work failed, and nothing of it is committed.
    package func failed(
        _ work: Work, _ failure: StepFailure, using generator: inout some RandomNumberGenerator
    ) -> Action {
        switch failure {
        case .rejected(let rejection) where work.direction == .forward:
            return .reject(rejection, finishes: undoable(below: work.step) == nil)
        case .hopeless(let reason):
            return .park(reason)
        case .rejected:
            // A compensation has no one to refuse to: it is tried again, and parks in the end.
            return retry(work, retryAfter: nil, using: &generator)
        case .transient(let retryAfter):
            return retry(work, retryAfter: retryAfter, using: &generator)
        }
    }

    /// The delay is over and the further attempt is committed.
    package mutating func retried(sincePoint: Duration) -> Action {
        state.attempts += 1
        return resume(sincePoint: sincePoint)
    }

    /// The rejection is committed as the pending answer.
    package mutating func rejected(finishes: Bool) -> Action {
        if finishes { return .done }
        state.direction = .compensating
        state.attempts = 1
        guard let next else { return .park(.unreadableState) }
        return .perform(next)
    }

    private func retry(
        _ work: Work, retryAfter: Duration?, using generator: inout some RandomNumberGenerator
    ) -> Action {
        let (_, retry, _) = traits(of: work)
        if state.attempts >= retry.attempts { return .park(.attemptsExhausted) }
        let delay = retry.delay(afterAttempt: state.attempts, retryAfter: retryAfter, using: &generator)
        return delay <= Self.longestWaitHolding ? .retry(after: delay) : .release(after: delay)
    }

    /// A keyed call is made only where its whole attempt lies within the horizon: the foreign system may see the call as
    /// late as the timeout.
    private func perform(_ work: Work, sincePoint: Duration) -> Action {
        let (kind, _, timeout) = traits(of: work)
        if case .foreignCall(.keyed(let horizon)) = kind, sincePoint + timeout >= horizon {
            return .park(.horizonPassed)
        }
        return .perform(work)
    }

    private func traits(of work: Work) -> (kind: DeclaredStep.Kind, retry: RetryPolicy, timeout: Duration) {
        let step = declaration.steps[work.step]
        if work.direction == .compensating, let undo = step.compensation {
            return (undo.kind, undo.retry, undo.timeout)
        }
        return (step.kind, step.retry, step.timeout)
    }

    /// The work behind the recovery point; nil where the declaration has none.
    package var next: Work? {
        switch state.direction {
        case .forward:
            guard let index = declaration.stepsBehind(state.recoveryPoint), index < declaration.steps.count else {
                return nil
            }
            let isLast = index == declaration.steps.count - 1
            return Work(
                step: index, direction: .forward, from: state.recoveryPoint,
                to: isLast ? SagaDeclaration.finished : declaration.steps[index].name)
        case .compensating:
            guard let behind = stepsToUndo, let index = undoable(below: behind) else { return nil }
            let isLast = undoable(below: index) == nil
            let undone = DeclaredCompensation.recoveryPoint(undoing: declaration.steps[index].name)
            return Work(
                step: index, direction: .compensating, from: state.recoveryPoint,
                to: isLast ? SagaDeclaration.finished : undone)
        }
    }

    /// How many steps from the front are not yet undone; nil where the recovery point is unknown, or nothing is left.
    private var stepsToUndo: Int? {
        if state.recoveryPoint == SagaDeclaration.finished { return nil }
        if let forward = declaration.stepsBehind(state.recoveryPoint) { return forward }
        return declaration.steps.firstIndex {
            DeclaredCompensation.recoveryPoint(undoing: $0.name) == state.recoveryPoint
        }
    }

    private func undoable(below index: Int) -> Int? {
        declaration.steps[..<index].lastIndex { $0.compensation != nil }
    }
}
