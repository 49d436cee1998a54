import PostgresPQ
import Waymark

extension Runner {
    /// Accepts a new key and runs it. Where the first step is an atomic phase, acceptance and phase are one transaction.
    func acceptAndRun(_ request: AcceptedRequest) async -> Conclusion {
        switch await acceptApart(request) {
        case .end(let ending): conclusion(of: ending)
        case .next(let action): await drive(action)
        }
    }

    /// In a task of its own, as in `commitPhase`.
    @inline(never)
    private func acceptApart(_ request: AcceptedRequest) async -> Progression {
        nonisolated(unsafe) let runner = self
        return await Task { await runner.accept(request) }.joined().get()
    }

    private func accept(_ request: AcceptedRequest) async -> Progression {
        let sentAt = self.now
        guard let work = machine.next else { preconditionFailure("a saga has at least one step") }
        let step = plan[work.step]
        guard case .atomicPhase(let isolation) = step.kind, let current, step.condition?(current) != false else {
            return await acceptAlone(request, sentAt: sentAt)
        }
        hold.beginStep(timeout: step.timeout, line: line.name)
        do {
            let value: StepValue
            switch step.body {
            case .phase(let body):
                value = try await runPhase(work, isolation, step.timeout, accepting: request) { transaction in
                    try await body(current, transaction)
                }
            case .writes(let body):
                value = try await commitWrites(work, { try body(current, &$0) }, accepting: request)
            default: preconditionFailure("an atomic phase's body is one of a phase")
            }
            engine.metrics.accept()
            hold.confirm(fence: fence, at: sentAt)
            await renewIfOld(sentAt)
            return .next(advance(past: work, with: value))
        } catch let found as KeyExists {
            return .end(.concluded(.exists(found.row)))
        } catch is KeyBusy {
            return .end(.concluded(Self.busy))
        } catch let error as PostgresError where error.code == .poolTimeout || error.code == .connectFailed {
            // Nothing was sent, so nothing is accepted: the client is told at once.
            return .end(.concluded(.unreachable(error)))
        } catch {
            // Nothing is committed, or it is not known. Acceptance comes first; then the failure is the step's.
            return await acceptAfter(verdict(on: error, of: work), of: work, request)
        }
    }

    /// Goes on after the common transaction of acceptance and first phase failed.
    private func acceptAfter(
        _ verdict: Verdict, of work: Work, _ request: AcceptedRequest
    ) async -> Progression {
        let sentAt = self.now
        if case .interrupted = verdict { return .end(.concluded(.lost)) }
        if let conclusion = await insert(request) { return .end(.concluded(conclusion)) }
        hold.confirm(fence: fence, at: sentAt)
        switch verdict {
        case .failed(let failure, let error):
            return .next(fail(work, failure, error))
        case .committed, .called, .conflict, .uncertain, .refused, .lost, .unreachable, .interrupted:
            return await afterUncertainAcceptance(of: work)
        }
    }

    /// The row is ours; whether by the transaction whose outcome we did not learn, or only now, its recovery point tells.
    private func afterUncertainAcceptance(of work: Work) async -> Progression {
        switch await whereabouts(of: work) {
        case .committed(let value): .next(advance(past: work, with: value))
        case .notCommitted: .next(.perform(work))
        case .lost: .end(.concluded(.lost))
        case .unreachable(let error): .end(.concluded(.unreachable(error)))
        case .unreadable(let error): .next(fail(work, .hopeless(.unreadableState), error))
        }
    }

    /// Accepts a key whose first step is a foreign call: it must be on record before anything happens abroad.
    private func acceptAlone(
        _ request: AcceptedRequest, sentAt: ContinuousClock.Instant
    ) async -> Progression {
        if let conclusion = await insert(request) { return .end(.concluded(conclusion)) }
        hold.confirm(fence: fence, at: sentAt)
        return .next(machine.resume(sincePoint: sincePoint))
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
    struct KeyExists: Error {
        let row: ObservedRow?
    }

    private static let busy = Conclusion.progress(
        SagaProgress(
            cause: .running, recoveryPoint: SagaDeclaration.started, retryAfter: EngineLimits.runningRetryAfter))

    /// Inserts the row as the first thing in a phase's transaction.
    /// - Throws: `KeyExists`, `KeyBusy`.
    func accept(_ request: AcceptedRequest, in postgres: PostgresTransaction) async throws {
        let statements = engine.statements
        do {
            let rows = try await postgres.pipeline([
                statements.accept([.init(request: request)]), statements.usualLockWait,
            ])
            if rows[0].isEmpty { throw KeyExists(row: nil) }
        } catch let error as PostgresError where error.sqlState == .lockNotAvailable {
            throw KeyBusy()
        }
    }

    /// Inserts the row; nil when the row that is there is ours, also when an earlier sending inserted it.
    private func insert(_ request: AcceptedRequest) async -> Conclusion? {
        let unit = CommitUnit(acceptance: .init(request: request))
        let inserted = await engine.postgres.patiently { [engine] _ -> CommitUnit.Result? in
            do {
                return try await engine.coalescer.commit(unit)
            } catch is KeyBusy {
                return nil
            } catch let failure as PostgresTransactionError {
                throw failure.isUnknown ? PostgresError(.connectionLost, failure.error.message) : failure.error
            }
        }
        switch inserted {
        case .failure(let error): return .unreachable(error)
        case .success(nil): return Self.busy
        case .success(.exists(let row)):
            let isOurs = row?.incarnation == context.incarnation && row?.fence == fence
            return isOurs ? nil : .exists(row)
        case .success(.committed):
            engine.metrics.accept()
            return nil
        }
    }
}
