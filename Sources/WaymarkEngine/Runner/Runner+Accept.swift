import PostgresPQ
import Waymark

extension Runner {
    /// Accepts a new key and runs it. Where the first step is an atomic phase, acceptance and phase are one transaction.
    consuming func acceptAndRun(_ request: AcceptedRequest) async -> Conclusion {
        let sentAt = self.now
        guard let work = machine.next else { preconditionFailure("a saga has at least one step") }
        let step = plan[work.step]
        guard case .phase(let body) = step.body, case .atomicPhase(let isolation) = step.kind, let current,
            step.condition?(current) != false
        else {
            return await acceptAlone(request, sentAt: sentAt)
        }
        hold.beginStep(timeout: step.timeout, line: line.name)
        do {
            let value = try await commitPhase(work, isolation, step.timeout, accepting: request) { transaction in
                try await body(current, transaction)
            }
            engine.metrics.accept()
            hold.confirm(fence: fence, at: sentAt)
            await renewIfOld(sentAt)
            return await drive(advance(past: work, with: value))
        } catch is KeyExists {
            return .exists
        } catch is KeyBusy {
            return Self.busy
        } catch let error as PostgresError where error.code == .poolTimeout || error.code == .connectFailed {
            // Nothing was sent, so nothing is accepted: the client is told at once.
            return .unreachable(error)
        } catch {
            // Nothing is committed, or it is not known. Acceptance comes first; then the failure is the step's.
            return await acceptAfter(verdict(on: error, of: work), of: work, request)
        }
    }

    /// Goes on after the common transaction of acceptance and first phase failed.
    private consuming func acceptAfter(
        _ verdict: Verdict, of work: Work, _ request: AcceptedRequest
    ) async -> Conclusion {
        let sentAt = self.now
        if case .interrupted = verdict { return .lost }
        switch await insert(request) {
        case .failure(let error): return error.sqlState == .lockNotAvailable ? Self.busy : .unreachable(error)
        case .success(false): return .exists
        case .success(true): hold.confirm(fence: fence, at: sentAt)
        }
        switch verdict {
        case .failed(let failure, let error):
            return await drive(fail(work, failure, error))
        case .committed, .conflict, .uncertain, .refused, .lost, .unreachable, .interrupted:
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
        case .failure(let error): return error.sqlState == .lockNotAvailable ? Self.busy : .unreachable(error)
        case .success(false): return .exists
        case .success(true):
            hold.confirm(fence: fence, at: sentAt)
            return await run()
        }
    }

    /// A lease counts from the beginning of the transaction that accepted the key. After a long first phase little may be
    /// left of it, and nobody could renew it before the commit.
    private func renewIfOld(_ sentAt: ContinuousClock.Instant) async {
        let now = self.now
        guard now - sentAt > engine.configuration.lease / 3 else { return }
        let renewal = engine.statements.renew(context.id, fence: fence)
        guard case .success(true) = await engine.postgres.patiently({ try await !$0.query(renewal).isEmpty }) else {
            return
        }
        hold.confirm(fence: fence, at: now)
    }

    /// The key was there before us.
    struct KeyExists: Error {}

    /// Somebody is inserting the key, and has not committed yet.
    struct KeyBusy: Error {}

    private static let busy = Conclusion.progress(
        SagaProgress(
            cause: .running, recoveryPoint: SagaDeclaration.started, retryAfter: EngineLimits.runningRetryAfter))

    /// Inserts the row as the first thing in a phase's transaction.
    /// - Throws: `KeyExists`, `KeyBusy`.
    func accept(_ request: AcceptedRequest, in postgres: PostgresTransaction) async throws {
        let statements = engine.statements
        do {
            let rows = try await postgres.pipeline([
                statements.boundedLockWait, statements.accept(request), statements.usualLockWait,
            ])
            if rows[1].isEmpty { throw KeyExists() }
        } catch let error as PostgresError where error.sqlState == .lockNotAvailable {
            throw KeyBusy()
        }
    }

    /// Inserts the row; true when the row that is there is ours, also when an earlier sending inserted it.
    private func insert(_ request: AcceptedRequest) async -> Result<Bool, PostgresError> {
        let queries = [engine.statements.boundedLockWait, engine.statements.accept(request)]
        let inserted = await engine.postgres.patiently { try await !$0.pipeline(queries)[1].isEmpty }
        guard case .success(false) = inserted else {
            if case .success(true) = inserted { engine.metrics.accept() }
            return inserted
        }
        return await locate().map { $0?.incarnation == request.context.incarnation && $0?.fence == fence }
    }
}
