import PostgresPQ
import Waymark

extension Runner {
    /// Accepts a new key and runs it. Where the first step is an atomic phase, acceptance and phase are one transaction.
    consuming func acceptAndRun(_ request: AcceptedRequest) async -> Conclusion {
        let sentAt = ContinuousClock.now
        guard let work = machine.next else { preconditionFailure("a saga has at least one step") }
        let step = saga.declaration.steps[work.step]
        guard case .phase(let body) = step.body, case .atomicPhase(let isolation) = step.kind, let current else {
            return await acceptAlone(request, sentAt: sentAt)
        }
        hold.beginStep(timeout: step.timeout)
        do {
            let value = try await commitPhase(work, isolation, step.timeout, accepting: request) { transaction in
                try await body(current, transaction)
            }
            engine.metrics.accept()
            hold.confirm(fence: fence, at: sentAt)
            return await drive(advance(past: work, with: value))
        } catch is KeyExists {
            return .exists
        } catch {
            // Nothing is committed, or it is not known. Acceptance comes first; then the failure is the step's.
            return await acceptAfter(verdict(on: error), of: work, request)
        }
    }

    /// Goes on after the common transaction of acceptance and first phase failed.
    private consuming func acceptAfter(
        _ verdict: Verdict, of work: Work, _ request: AcceptedRequest
    ) async -> Conclusion {
        let sentAt = ContinuousClock.now
        if case .interrupted = verdict { return .lost }
        switch await insert(request) {
        case .failure(let error): return .unreachable(error)
        case .success(false): return .exists
        case .success(true): hold.confirm(fence: fence, at: sentAt)
        }
        switch verdict {
        case .failed(let failure, let error):
            return await drive(fail(work, failure, error))
        case .committed, .conflict, .uncertain, .lost, .unreachable, .interrupted:
            return await afterUncertainAcceptance(of: work)
        }
    }

    /// The row is ours; whether by the transaction whose outcome we did not learn, or only now, its recovery point tells.
    private consuming func afterUncertainAcceptance(of work: Work) async -> Conclusion {
        switch await whereabouts(of: work) {
        case .committed(let value): return await drive(advance(past: work, with: value))
        case .notCommitted: return await drive(.perform(work))
        case .lost: return .lost
        case .unreachable(let error): return .unreachable(error)
        case .unreadable(let error): return await drive(fail(work, .hopeless(.unreadableState), error))
        }
    }

    /// Accepts a key whose first step is a foreign call: it must be on record before anything happens abroad.
    private consuming func acceptAlone(
        _ request: AcceptedRequest, sentAt: ContinuousClock.Instant
    ) async -> Conclusion {
        switch await insert(request) {
        case .failure(let error): return .unreachable(error)
        case .success(false): return .exists
        case .success(true):
            hold.confirm(fence: fence, at: sentAt)
            return await run()
        }
    }

    /// Inserts the row; true when the row that is there is ours, also when an earlier sending inserted it.
    private func insert(_ request: AcceptedRequest) async -> Result<Bool, PostgresError> {
        let query = engine.statements.accept(request)
        let inserted = await engine.postgres.patiently { try await !$0.query(query).isEmpty }
        guard case .success(false) = inserted else {
            if case .success(true) = inserted { engine.metrics.accept() }
            return inserted
        }
        return await locate().map { $0?.incarnation == request.context.incarnation && $0?.fence == fence }
    }
}
