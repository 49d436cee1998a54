import Foundation
import PostgresPQ
import Waymark

extension Runner {
    /// What one try at a piece of work came to.
    enum Verdict {
        case committed(StepValue, JournalEntry.Mark?)
        case failed(StepFailure, String)
        /// 40001 or 40P01: nothing happened, the same again may succeed.
        case conflict(String)
        /// The connection went away, or the guard found no row: only the row tells where we stand.
        case uncertain(PostgresError)
        /// The foreign service's limits do not allow the call now.
        case refused(Duration)
        case lost
        /// A result is in hand and the database stays away: repeating the call would not bring it back.
        case unreachable(PostgresError)
        case interrupted
    }

    /// Runs the work's body once and commits its result.
    func perform(_ work: Work) async -> Verdict {
        let input: any Sendable
        do {
            input = try self.input(of: work)
        } catch {
            // What is stored will not decode better the next time.
            return .failed(.hopeless(.unreadableState), Self.text(of: error))
        }
        do {
            return try await perform(work, on: input)
        } catch {
            return verdict(on: error, of: work)
        }
    }

    private func perform(_ work: Work, on input: any Sendable) async throws -> Verdict {
        let step = plan[work.step]
        guard work.direction == .forward else {
            guard let undo = step.compensation else {
                preconditionFailure("the machine undoes only steps with a compensation")
            }
            return try await perform(undo.body, undo.kind, on: input, timeout: undo.timeout, work)
        }
        if !work.isBegun, let value = try skipped(step, input) {
            return await commitResult(work, value, mark: .skipped)
        }
        if case .choice(let choose) = step.body {
            return await commitResult(work, try StepValue(output: choose(input)))
        }
        return try await perform(step.body, step.kind, on: input, timeout: step.timeout, work)
    }

    /// The step's input as its output, where its condition does not hold.
    func skipped(_ step: DeclaredStep, _ input: any Sendable) throws -> StepValue? {
        guard let condition = step.condition, let skip = step.skip, !condition(input) else { return nil }
        return try skip(input)
    }

    private func perform(
        _ body: StepBody, _ kind: DeclaredStep.Kind, on input: any Sendable, timeout: Duration, _ work: Work
    ) async throws -> Verdict {
        hold.beginStep(timeout: timeout, line: line.name)
        switch (body, kind) {
        case (.phase(let body), .atomicPhase(let isolation)):
            return .committed(
                try await commitPhase(work, isolation, timeout) { transaction in
                    try await body(input, transaction)
                }, nil)
        case (.call(let body, reconcile: _), _):
            return await makeCall(body, on: input, timeout: timeout, work)
        default:
            preconditionFailure("a body that takes neither a transaction nor a call is not performed")
        }
    }

    private func makeCall(
        _ body: @escaping @Sendable (any Sendable, Call) async throws -> StepValue, on input: any Sendable,
        timeout: Duration, _ work: Work
    ) async -> Verdict {
        // A process that was frozen until now must not call for a key that is somebody else's by now.
        if hold.due(at: now, lease: engine.configuration.lease) == .lose { hold.lose() }
        if hold.isLost { return .lost }
        if machine.isPastHorizon(work, sincePoint: sincePoint) {
            return .failed(.transient(retryAfter: nil), "the horizon passed before the call was sent")
        }
        let call = self.call(for: work, timeout: timeout)
        let value: StepValue
        do {
            switch try await limited(work, timeout: timeout, { try await body(input, call) }) {
            case .value(let returned): value = returned
            case .refused(let delay): return .refused(delay)
            }
        } catch let error where error is PostgresError || error is PostgresTransactionError {
            // Of some database that the call went to: no word on ours, and no reason to call again at once.
            if Task.isCancelled { return .interrupted }
            let isRetryable = work.direction == .compensating || plan[work.step].isRetryable(error)
            return .failed(isRetryable ? .transient(retryAfter: nil) : .unretryable, Self.text(of: error))
        } catch {
            return verdict(on: error, of: work)
        }
        return await commitResult(work, value)
    }

    /// What a body gets that calls a foreign system.
    func call(for work: Work, timeout: Duration) -> Call {
        Call(
            idempotencyKey: KeyIdentity.foreignKey(context, recoveryPoint: foreignPoint(work)),
            attempt: machine.state.attempts, timeout: timeout, key: context)
    }

    /// Runs a phase's body in a transaction that also commits the recovery point.
    ///
    /// The body's statements, then in one pipeline: the guarded update of the key, staged jobs, COMMIT. A guard that
    /// finds no row fails, so the server skips COMMIT, and nothing of the phase remains.
    func commitPhase(
        _ work: Work, _ isolation: PostgresIsolation, _ timeout: Duration, accepting: AcceptedRequest? = nil,
        _ body: @escaping @Sendable (Transaction) async throws -> StepValue
    ) async throws -> StepValue {
        let (context, statements, jobPoint) = (self.context, engine.statements, jobPoint(work))
        let (value, _) = try await engine.postgres.withTransaction(
            isolation: isolation, opening: [Self.endWhenIdle(for: timeout + engine.configuration.lease)]
        ) { postgres in
            if let accepting { try await accept(accepting, in: postgres) }
            let transaction = Transaction(key: context, postgres: postgres) { [engine] in
                try await engine.start($0, scope: context.scope, in: postgres)
            }
            let value = try await withTimeout(timeout) { try await body(transaction) }
            return (value, transaction.stagedJobs)
        } closing: { value, jobs in
            let inserts = jobs.enumerated().map { position, job in
                statements.stage(
                    job, id: KeyIdentity.jobID(context, recoveryPoint: jobPoint, position: position),
                    keyID: context.id, position: position)
            }
            // The guard first: a job that an earlier try inserted must not hide that this try is one too many.
            return [progress(work, value, orFail: true)] + inserts
        }
        return value
    }

    /// Has the server end the transaction of a process that went silent in the middle of it (stopped, unplugged), so that
    /// its row locks do not hold up whoever finishes the key. Only for this transaction: no session state.
    private static func endWhenIdle(for patience: Duration) -> PostgresQuery {
        // The server's setting is a 32-bit number of milliseconds, some 24 days.
        let milliseconds = Int(min(patience.inSeconds * 1000, Double(Int32.max)))
        return "SELECT set_config('idle_in_transaction_session_timeout', \(String(milliseconds)), true)"
    }

    /// Commits what a step came to, in one statement.
    func commitResult(_ work: Work, _ value: StepValue, mark: JournalEntry.Mark? = nil) async -> Verdict {
        let update = progress(work, value, mark: mark)
        // Whoever finds the step committed may have found an earlier try's commit, which was still under way.
        switch await write(
            update, step: journalName(work), landed: { $0.recoveryPoint == work.to && $0.holds(value) })
        {
        case .done: return .committed(value, mark)
        case .lost: return .lost
        case .failed(let error):
            // Never as a conflict: only the write would be to be repeated, and not what was called.
            return error.mayPass ? .unreachable(error) : verdict(on: error, of: work)
        }
    }

    /// The guarded update that moves the line past `work`.
    private func progress(
        _ work: Work, _ value: StepValue, mark: JournalEntry.Mark? = nil, orFail: Bool = false
    ) -> PostgresQuery {
        let entry = JournalEntry(
            step: journalName(work), output: value.json, attempt: machine.state.attempts,
            version: saga.declaration.version, mark: mark)
        let statements = engine.statements
        guard work.finishes, line.isMain else {
            let update = statements.advance(
                context.id, fence: fence, line.id, going: work.direction, from: work.from, to: work.to, entry: entry)
            return orFail ? statements.orFail(update) : update
        }
        let isForward = work.direction == .forward
        let answer = isForward ? StoredAnswer(status: StoredAnswer.successStatus, body: value.json) : nil
        let update = statements.finish(context.id, fence: fence, from: work.from, entry: entry, answer: answer)
        if parentEvent != nil { return statements.waking(update, orFail: orFail) }
        return orFail ? statements.orFail(update) : update
    }
}

/// Names derived from a piece of work.
extension Runner {
    /// What the journal calls it.
    func journalName(_ work: Work) -> String {
        let isForward = work.direction == .forward
        return RecoveryPoint(
            step: plan[work.step].name, stage: isForward ? nil : .undone, element: work.element
        ).description
    }

    /// What the event is called that it waits for. By the step's first name, like a foreign key: what was delivered, and a
    /// child that was started, before a renaming are found after it.
    func eventName(_ work: Work) -> String { foreignPoint(work) }

    /// What a foreign key is derived from: the step's own first name, even where its commit writes `finished`.
    func foreignPoint(_ work: Work) -> String {
        let isForward = work.direction == .forward
        return RecoveryPoint(
            step: plan[work.step].originalName, stage: isForward ? nil : .undone, element: work.element
        ).description
    }

    /// What a job's id is derived from: the same, but for the saga's last commit.
    private func jobPoint(_ work: Work) -> String {
        work.finishes && line.isMain ? SagaDeclaration.finished : foreignPoint(work)
    }

    /// What the work takes: in memory, or as it is stored.
    func input(of work: Work) throws -> any Sendable {
        if work.direction == .compensating {
            return try journal.output(of: FinishedStep(step: work.step, element: work.element), plan)
        }
        if let current { return current }
        return try value(from: plan.source(of: work.step, machine.state.choices))
    }

    /// What a finished line gives.
    func result() throws -> any Sendable {
        try current ?? value(from: plan.result(ofLine: line.number, machine.state.choices))
    }

    private func value(from source: StepPlan.Source) throws -> any Sendable {
        switch source {
        case .line: try line.input ?? saga.declaration.decodeRequest(request, version)
        case .output(let index): try journal.output(of: FinishedStep(step: index, element: line.element), plan)
        }
    }
}
