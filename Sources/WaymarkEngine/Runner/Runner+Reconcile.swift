import Logging
import PostgresPQ
import Waymark

/// What is done about a call of which no result is known.
extension Runner {
    /// Asks the foreign system, and commits what it says.
    func reconcile(_ work: Work) async -> Progression {
        if engine.held.isStopping { return await interrupted() }
        let step = plan[work.step]
        let body = work.direction == .forward ? step.body : step.compensation?.body
        guard let ask = body?.reconcile else { preconditionFailure("the machine asks only where that is declared") }
        let timeout = machine.timeout(of: work)
        hold.beginStep(timeout: timeout, line: line.name)
        let input: any Sendable
        do {
            input = try self.input(of: work)
        } catch {
            return .next(fail(work, .hopeless(.unreadableState), Self.text(of: error)))
        }
        let call = self.call(for: work, timeout: timeout)
        do {
            let answer: Reconciliation<StepValue>
            switch try await limited(work, timeout: timeout, { try await ask(input, call) }) {
            case .value(let said): answer = said
            case .refused(let delay): return await release(after: delay, attempts: machine.state.attempts - 1)
            }
            switch answer {
            case .happened(let value):
                let settlement = await settle(work) { await commitResult(work, value, mark: .reconciled) }
                return await progression(of: work, settlement)
            case .didNotHappen:
                return .next(machine.resolvedAsNotHappened(work, sincePoint: sincePoint))
            case .unknown(let advice):
                lastError = Self.plain("the foreign system cannot tell whether the call happened: \(advice)")
                return .next(.park(.outcomeUnknown))
            }
        } catch {
            return await reconcileFailed(work, error)
        }
    }

    private func reconcileFailed(_ work: Work, _ error: any Error) async -> Progression {
        if Task.isCancelled, !(error is Rejection) { return await interrupted() }
        lastError = Self.text(of: error)
        let failure: StepFailure
        switch error {
        case let rejection as Rejection: failure = .rejected(rejection)
        case let transient as TransientError: failure = .transient(retryAfter: transient.retryAfter)
        case is UnstorableOutput: failure = .hopeless(.unstorableOutput)
        default: failure = .transient(retryAfter: nil)
        }
        let action = machine.reconcileFailed(work, failure, sincePoint: sincePoint, using: &generator)
        log(work, "asking whether the call happened failed", next: action)
        return .next(action)
    }

    /// Commits the step's substitute.
    func degrade(_ work: Work) async -> Progression {
        guard let fallback = plan[work.step].fallback else { preconditionFailure("what degrades has a substitute") }
        do {
            let value = try fallback(input(of: work))
            return await progression(
                of: work, settle(work) { await commitResult(work, value, mark: .degraded) })
        } catch {
            let failure = failure(of: error, in: work)
            lastError = Self.text(of: error)
            // A substitute that fails is no substitute.
            if case .rejected = failure { return .next(fail(work, failure, lastError ?? "")) }
            return .next(.park(.attemptsExhausted))
        }
    }
}
