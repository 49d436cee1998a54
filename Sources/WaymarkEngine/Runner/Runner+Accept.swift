import PostgresPQ
import Waymark

extension Runner {
    /// Accepts a new key and runs it. Where the first step is an atomic phase, acceptance and phase are one transaction.
    func acceptAndRun(_ incoming: IncomingRequest) async -> Conclusion {
        if let ending = await begin(incoming) { return conclusion(of: ending) }
        return conclusion(of: await pursue())
    }

    @inline(never)
    private func begin(_ incoming: IncomingRequest) async -> Ending? {
        take(await isInteractive ? acceptApart(incoming.request) : accept(incoming.request))
    }

    /// Whether the first step is a phase that waits for the database.
    private var isInteractive: Bool {
        guard let work = machine.next, case .phase = plan[work.step].body else { return false }
        return true
    }

    /// In a task of its own, as in `commitPhase`.
    @inline(never)
    private func acceptApart(_ request: AcceptedRequest) async -> Progression {
        // Of the two tasks one waits for the other.
        nonisolated(unsafe) let runner = self
        return await Task { await runner.accept(request) }.joined().get()
    }

    @inline(never)
    private func accept(_ request: AcceptedRequest) async -> Progression {
        let sentAt = self.now
        guard let work = machine.next else { preconditionFailure("a saga has at least one step") }
        let step = plan[work.step]
        guard case .atomicPhase(let isolation) = step.kind, let current, step.condition?(current) != false else {
            return await acceptAlone(request, sentAt: sentAt)
        }
        hold.beginStep(timeout: step.timeout, line: line.name)
        do {
            let value = try await acceptPhase(request, work, isolation, step.timeout, step.body, current)
            engine.metrics.accept()
            hold.confirm(fence: fence, at: sentAt)
            await renewIfOld(sentAt)
            return .next(advance(past: work, with: value))
        } catch is KeyExists {
            return .end(.concluded(.exists))
        } catch is KeyBusy {
            return .end(.concluded(Self.busy))
        } catch let error as PostgresError where error.isBeforeAnyWrite {
            // Nothing is accepted: the client is told at once.
            return .end(.concluded(.unreachable(error)))
        } catch let failure as PostgresTransactionError where failure.error.isBeforeAnyWrite {
            return .end(.concluded(.unreachable(failure.error)))
        } catch {
            // Nothing is committed, or it is not known. Acceptance comes first; then the failure is the step's.
            return await acceptAfter(verdict(on: error, of: work), of: work, request)
        }
    }

    /// Runs the first phase, and inserts the key as it is after the phase.
    ///
    /// The insert comes with COMMIT and not before the phase: repeats were found when the key was looked for, and of two that
    /// come at the same moment the one that is late is rolled back whole.
    /// - Throws: `KeyExists`, `KeyBusy`, and what the phase and its commit throw.
    private func acceptPhase(
        _ request: AcceptedRequest, _ work: Work, _ isolation: PostgresIsolation, _ timeout: Duration,
        _ body: StepBody, _ input: any Sendable
    ) async throws -> StepValue {
        func acceptance(_ value: StepValue) -> KeyStatements.Acceptance {
            .init(
                request: request,
                first: .init(point: work.to, entry: entry(work, value), answer: answer(of: work, value)))
        }
        let statements = engine.statements
        switch body {
        case .writes(let body):
            let (value, unit) = try unit(of: work, { try body(input, &$0) }) { $0.acceptance = acceptance($1) }
            try await engine.coalescer.commit(unit)
            return value
        case .phase(let body):
            do {
                return try await runPhase(work, isolation, timeout, { try await body(input, $0) }) { value in
                    [
                        KeyStatements.settings(lockWait: EngineLimits.acceptLockWait),
                        statements.accept([acceptance(value)]),
                    ]
                }
            } catch let failure as PostgresTransactionError where failure.stage == .closing(1) {
                switch failure.error.sqlState {
                case .uniqueViolation?: throw KeyExists()
                case .lockNotAvailable?: throw KeyBusy()
                default: throw failure
                }
            }
        default: preconditionFailure("an atomic phase's body is one of a phase")
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
        if let conclusion = await insert(request, isNew: true) { return .end(.concluded(conclusion)) }
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

    private static let busy = Conclusion.progress(
        SagaProgress(
            cause: .running, recoveryPoint: SagaDeclaration.started, retryAfter: EngineLimits.runningRetryAfter))

    /// Inserts the row; nil when the row that is there is ours, also when an earlier sending inserted it.
    /// - Parameter isNew: nothing was sent before, so a database that is away need not be waited for.
    private func insert(_ request: AcceptedRequest, isNew: Bool = false) async -> Conclusion? {
        let unit = CommitUnit(acceptance: .init(request: request))
        let inserted = await engine.postgres.patiently(
            unless: { isNew && $0.isBeforeAnyWrite }
        ) { [engine] _ -> Insertion in
            do {
                try await engine.coalescer.commit(unit)
                return .inserted
            } catch is KeyExists {
                return .exists(try await engine.reader.row(of: request.context.id))
            } catch is KeyBusy {
                return .busy
            } catch let failure as PostgresTransactionError {
                throw failure.isUnknown ? PostgresError(.connectionLost, failure.error.message) : failure.error
            }
        }
        switch inserted {
        case .failure(let error): return .unreachable(error)
        case .success(.busy): return Self.busy
        case .success(.exists(let row)):
            return row?.incarnation == context.incarnation && row?.fence == fence ? nil : .exists
        case .success(.inserted):
            engine.metrics.accept()
            return nil
        }
    }

    private enum Insertion {
        case inserted, busy
        case exists(ObservedRow?)
    }
}
