import Foundation
import PostgresPQ
import Waymark

extension Runner {
    /// What one try at a piece of work came to.
    enum Verdict {
        case committed(StepValue, JournalEntry.Mark?)
        /// The call was made, and its result waits for the next phase's commit.
        case called(UnrecordedCall)
        indirect case failed(StepFailure, String)
        /// 40001 or 40P01: nothing happened, the same again may succeed.
        indirect case conflict(String)
        /// The connection went away, or the guard found no row: only the row tells where we stand.
        indirect case uncertain(PostgresError)
        /// The foreign service's limits do not allow the call now.
        indirect case refused(Duration)
        case lost
        /// A result is in hand and the database stays away: repeating the call would not bring it back.
        indirect case unreachable(PostgresError)
        case interrupted
    }

    /// Runs the work's body once and commits its result.
    @inline(never)
    func perform(_ work: Work) async -> Verdict {
        do {
            switch try performance(of: work) {
            case .verdict(let verdict): return verdict
            case .result(let value, let mark): return await commitResult(work, value, mark: mark)
            case .call(let body, let timeout): return await makeCall(work, timeout, body)
            case .writes(let body): return .committed(try await commitWrites(work, body), nil)
            case .phase(let body, let isolation, let timeout):
                return .committed(try await commitPhase(work, isolation, timeout, body), nil)
            }
        } catch {
            return verdict(on: error, of: work)
        }
    }

    /// What performing a piece of work comes to. Found out in a function that does not wait, so that a call keeps nothing
    /// of it while it does.
    private enum Performance {
        /// Nothing is done.
        case verdict(Verdict)
        case result(StepValue, JournalEntry.Mark?)
        case phase(@Sendable (Transaction) async throws -> StepValue, PostgresIsolation, Duration)
        case writes((inout Writes) throws -> StepValue)
        case call(@Sendable () async throws -> StepValue, Duration)
    }

    /// - Throws: what a condition or a choice throws.
    @inline(never)
    private func performance(of work: Work) throws -> Performance {
        let input: any Sendable
        do {
            input = try self.input(of: work)
        } catch {
            // What is stored will not decode better the next time.
            return .verdict(.failed(.hopeless(.unreadableState), Self.text(of: error)))
        }
        let step = plan[work.step]
        let (body, kind, timeout): (StepBody, DeclaredStep.Kind, Duration)
        if work.direction == .forward {
            if !work.isBegun, let value = try skipped(step, input) { return .result(value, .skipped) }
            if case .choice(let choose) = step.body { return .result(try StepValue(output: choose(input)), nil) }
            (body, kind, timeout) = (step.body, step.kind, step.timeout)
        } else {
            guard let undo = step.compensation else {
                preconditionFailure("the machine undoes only steps with a compensation")
            }
            (body, kind, timeout) = (undo.body, undo.kind, undo.timeout)
        }
        hold.beginStep(timeout: timeout, line: line.name)
        switch (body, kind) {
        case (.phase(let body), .atomicPhase(let isolation)):
            return .phase({ transaction in try await body(input, transaction) }, isolation, timeout)
        case (.writes(let body), .atomicPhase):
            return .writes { writes in try body(input, &writes) }
        case (.call(let body, reconcile: _), _):
            if let verdict = verdictBeforeCall(work) { return .verdict(verdict) }
            do {
                try checkRoom(for: work)
            } catch {
                // It is not made, so nothing is in doubt.
                return .verdict(.failed(.hopelessNotHappened(.unstorableOutput), Self.text(of: error)))
            }
            let call = self.call(for: work, timeout: timeout)
            return .call({ try await body(input, call) }, timeout)
        default:
            preconditionFailure("a body that takes neither a transaction nor a call is not performed")
        }
    }

    /// The step's input as its output, where its condition does not hold.
    func skipped(_ step: DeclaredStep, _ input: any Sendable) throws -> StepValue? {
        guard let condition = step.condition, let skip = step.skip, !condition(input) else { return nil }
        return try skip(input)
    }

    @inline(never)
    private func makeCall(
        _ work: Work, _ timeout: Duration, _ body: @escaping @Sendable () async throws -> StepValue
    ) async -> Verdict {
        do {
            switch try await limited(work, timeout: timeout, body) {
            case .value(let value):
                try admit(value, of: work)
                if let call = unrecordedCall(work, value) { return .called(call) }
                return await commitResult(work, value)
            case .refused(let delay): return .refused(delay)
            }
        } catch {
            return verdict(onCall: error, of: work)
        }
    }

    /// What keeps the call from being made now.
    private func verdictBeforeCall(_ work: Work) -> Verdict? {
        // A process that was frozen until now must not call for a key that is somebody else's by now.
        if hold.due(at: now, lease: engine.configuration.lease) == .lose { hold.lose() }
        if hold.isLost { return .lost }
        guard machine.isPastHorizon(work, sincePoint: sincePoint) else { return nil }
        return .failed(.notHappened(retryAfter: nil), "the horizon passed before the call was sent")
    }

    @inline(never)
    private func verdict(onCall error: any Error, of work: Work) -> Verdict {
        guard error is PostgresError || error is PostgresTransactionError else { return verdict(on: error, of: work) }
        // Of some database that the call went to: no word on ours, and no reason to call again at once.
        if Task.isCancelled { return .interrupted }
        let isRetryable = work.direction == .compensating || plan[work.step].isRetryable(error)
        return .failed(isRetryable ? .transient(retryAfter: nil) : .unretryable, Self.text(of: error))
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
    ///
    /// In a task of its own, which takes the memory of its frames with it: a task keeps the most that it ever had, and the
    /// call that comes next may be waited for by thousands.
    @inline(never)
    func commitPhase(
        _ work: Work, _ isolation: PostgresIsolation, _ timeout: Duration,
        _ body: @escaping @Sendable (Transaction) async throws -> StepValue
    ) async throws -> StepValue {
        // Of the two tasks one waits for the other.
        nonisolated(unsafe) let runner = self
        return try await Task {
            try await runner.runPhase(work, isolation, timeout, body) { value in
                // The guard first: a job that an earlier try inserted must not hide that this try is one too many.
                [KeyStatements.lookupsOnly, runner.engine.statements.query(runner.progress(work, value))]
            }
        }.joined().get()
    }

    /// - Parameter move: what is done to the key, before jobs are staged.
    func runPhase(
        _ work: Work, _ isolation: PostgresIsolation, _ timeout: Duration,
        _ body: @escaping @Sendable (Transaction) async throws -> StepValue, move: (StepValue) -> [PostgresQuery]
    ) async throws -> StepValue {
        let context = self.context
        let (value, _) = try await engine.postgres.withTransaction(
            isolation: isolation, opening: [Self.limits(timeout + engine.configuration.lease)]
        ) { postgres in
            let transaction = Transaction(key: context, postgres: postgres) { [engine] in
                try await engine.start($0, scope: context.scope, in: postgres)
            }
            let value = try await withTimeout(timeout) { try await body(transaction) }
            try admit(value, of: work)
            return (value, transaction.stagedJobs)
        } closing: { value, jobs in
            let stagings = stagings(of: jobs, by: work)
            return move(value) + (stagings.isEmpty ? [] : [engine.statements.stage(stagings)])
        }
        return value
    }

    /// Has the server end the transaction of a process that went silent in the middle of it (stopped, unplugged), or that died
    /// while a statement of it runs, so that its row locks do not hold up the process that finishes the key.
    private static func limits(_ patience: Duration) -> PostgresQuery {
        KeyStatements.settings(statementTime: .atMost(patience), silence: patience)
    }

    /// Runs a phase's body that only appends statements, and commits them with the recovery point.
    @inline(never)
    func commitWrites(_ work: Work, _ body: (inout Writes) throws -> StepValue) async throws -> StepValue {
        let (value, unit) = try unit(of: work, body) { unit, value in unit.guarded = progress(work, value) }
        try await engine.coalescer.commit(unit)
        return value
    }

    /// What a phase that only appends statements wants committed.
    /// - Parameter move: adds what is done to the key.
    func unit(
        of work: Work, _ body: (inout Writes) throws -> StepValue, move: (inout CommitUnit, StepValue) -> Void
    ) throws -> (StepValue, CommitUnit) {
        var writes = Writes(key: context)
        let value = try body(&writes)
        try admit(value, of: work)
        var unit = CommitUnit(
            step: commitStep(of: work), writes: writes.statements, jobs: stagings(of: writes.jobs, by: work))
        move(&unit, value)
        return (value, unit)
    }

    private func commitStep(of work: Work) -> CommitUnit.Step {
        let step = plan[work.step]
        let timeout = work.direction == .forward ? step.timeout : step.compensation?.timeout ?? step.timeout
        return CommitUnit.Step(
            name: .init(saga: context.saga, step: step.name), timeout: timeout, hold: hold, line: line.name)
    }

    /// The jobs that a phase staged, on their way into the table.
    func stagings(of jobs: [StagedJob], by work: Work) -> [KeyStatements.Staging] {
        let point = jobPoint(work)
        return jobs.enumerated().map { position, job in
            let id = KeyIdentity.jobID(context, recoveryPoint: point, position: position)
            return .init(job: job, id: id, keyID: context.id, position: position)
        }
    }

    /// Commits what a step came to, in one statement.
    @inline(never)
    func commitResult(_ work: Work, _ value: StepValue, mark: JournalEntry.Mark? = nil) async -> Verdict {
        await commitResult(work, value, entry(work, value, mark: mark), mark: mark)
    }

    @inline(never)
    func commitResult(
        _ work: Work, _ value: StepValue, _ entry: JournalEntry, mark: JournalEntry.Mark? = nil
    ) async -> Verdict {
        do {
            try admit(value, of: work)
        } catch {
            return verdict(on: error, of: work)
        }
        let update = progress(work, value, entry)
        // Whoever finds the step committed may have found an earlier try's commit, which was still under way.
        switch await key.write(
            update, line.id, step: journalName(work), landed: { $0.recoveryPoint == work.to && $0.holds(value) })
        {
        case .done: return .committed(value, mark)
        case .lost: return .lost
        case .failed(let error):
            // Never as a conflict: only the write would be to be repeated, and not what was called.
            if error.mayPass { return .unreachable(error) }
            if let reason = ParkedReason(lasting: error) { return .failed(.hopeless(reason), Self.text(of: error)) }
            return verdict(on: error, of: work)
        }
    }

    /// What the work leaves in the journal.
    func entry(_ work: Work, _ value: StepValue, mark: JournalEntry.Mark? = nil) -> JournalEntry {
        JournalEntry(
            step: journalName(work), output: value.json, attempt: machine.state.attempts,
            version: saga.declaration.version, mark: mark)
    }

    /// What moves the line past a phase, and past the call before it where that is not recorded.
    func progress(_ work: Work, _ value: StepValue) -> GuardedWrite {
        progress(work, value, entry(work, value), after: unrecorded?.entry)
    }

    private func progress(
        _ work: Work, _ value: StepValue, _ entry: JournalEntry, after call: JournalEntry? = nil
    ) -> GuardedWrite {
        let (statements, finishes) = (engine.statements, work.finishes && line.isMain)
        let from = call == nil ? work.from : origin(of: work)
        let answer = finishes ? answer(of: work, value) : nil
        if line.isMain, work.direction == .forward, !finishes || key.parentEvent == nil {
            return .progress(
                .init(id: context.id, fence: fence, from: from, to: work.to, call: call, entry: entry, answer: answer))
        }
        if finishes {
            return .update(
                failing(
                    statements.finish(
                        context.id, fence: fence, from: from, after: call, entry: entry, answer: answer)))
        }
        return .update(
            statements.orFail(
                statements.advance(
                    context.id, fence: fence, line.id, going: work.direction, from: from, to: work.to, after: call,
                    entry: entry)))
    }

    /// The answer that the work's commit finishes the key with; none on the way back, where it is pending.
    func answer(of work: Work, _ value: StepValue) -> StoredAnswer? {
        guard work.finishes, line.isMain, work.direction == .forward else { return nil }
        return StoredAnswer(status: StoredAnswer.successStatus, body: value.json)
    }
}
