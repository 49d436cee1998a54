import Foundation
import PostgresPQ
import Waymark

extension Runner {
    /// What one try at a piece of work came to.
    enum Verdict {
        case committed(StepValue)
        case failed(StepFailure, String)
        /// 40001 or 40P01: nothing happened, the same again may succeed.
        case conflict(String)
        /// The connection went away, or the guard found no row: only the row tells where we stand.
        case uncertain(PostgresError)
        case lost
        /// A result is in hand and the database stays away: repeating the call would not bring it back.
        case unreachable(PostgresError)
        case interrupted
    }

    /// Runs the work's body once and commits its result.
    func perform(_ work: Work) async -> Verdict {
        let step = saga.declaration.steps[work.step]
        let input: any Sendable
        do {
            input = try self.input(of: work)
        } catch {
            // What is stored will not decode better the next time.
            return .failed(.hopeless(.unreadableState), Self.text(of: error))
        }
        do {
            if work.direction == .forward {
                return try await perform(step.body, step.kind, on: input, timeout: step.timeout, work)
            }
            guard let undo = step.compensation else {
                preconditionFailure("the machine undoes only steps with a compensation")
            }
            return try await perform(undo.body, undo.kind, on: input, timeout: undo.timeout, work)
        } catch {
            return verdict(on: error)
        }
    }

    private func perform(
        _ body: StepBody, _ kind: DeclaredStep.Kind, on input: any Sendable, timeout: Duration, _ work: Work
    ) async throws -> Verdict {
        hold.beginStep(timeout: timeout)
        switch (body, kind) {
        case (.phase(let body), .atomicPhase(let isolation)):
            return .committed(
                try await commitPhase(work, isolation, timeout) { transaction in
                    try await body(input, transaction)
                })
        case (.call(let body), _):
            let call = Call(
                idempotencyKey: KeyIdentity.foreignKey(context, recoveryPoint: foreignPoint(work)),
                attempt: machine.state.attempts, timeout: timeout, key: context)
            let value: StepValue
            do {
                value = try await withTimeout(timeout) { try await body(input, call) }
            } catch let error as PostgresError where !Task.isCancelled {
                // Of some database that the call went to: no word on ours, and no reason to call again at once.
                return .failed(.transient(retryAfter: nil), Self.text(of: error))
            }
            return await commitResult(work, value)
        case (.phase, .foreignCall):
            preconditionFailure("a foreign call's body takes a call")
        }
    }

    /// Runs a phase's body in a transaction that also commits the recovery point.
    ///
    /// The body's statements, then in one pipeline: staged jobs, the guarded update of the key, COMMIT. A guard that
    /// finds no row fails, so the server skips COMMIT, and nothing of the phase remains.
    func commitPhase(
        _ work: Work, _ isolation: PostgresIsolation, _ timeout: Duration, accepting: AcceptedRequest? = nil,
        _ body: @escaping @Sendable (Transaction) async throws -> StepValue
    ) async throws -> StepValue {
        let (context, statements) = (self.context, engine.statements)
        let (value, _) = try await engine.postgres.withTransaction(
            isolation: isolation, opening: [Self.endWhenIdle(for: timeout + engine.configuration.lease)]
        ) { postgres in
            if let accepting { try await accept(accepting, in: postgres) }
            let transaction = Transaction(key: context, postgres: postgres)
            let value = try await withTimeout(timeout) { try await body(transaction) }
            return (value, transaction.stagedJobs)
        } closing: { value, jobs in
            let inserts = jobs.enumerated().map { position, job in
                statements.stage(
                    job, id: KeyIdentity.jobID(context, recoveryPoint: work.to, position: position), keyID: context.id,
                    position: position)
            }
            return inserts + [statements.orFail(progress(work, value))]
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

    /// Commits what a foreign call returned, in one statement.
    private func commitResult(_ work: Work, _ value: StepValue) async -> Verdict {
        switch await write(progress(work, value), landed: { $0.recoveryPoint == work.to }) {
        case .done: .committed(value)
        case .lost: .lost
        case .failed(let error): error.isUnavailable ? .unreachable(error) : verdict(on: error)
        }
    }

    /// The guarded update that moves the key past `work`.
    private func progress(_ work: Work, _ value: StepValue) -> PostgresQuery {
        let step = saga.declaration.steps[work.step].name
        let isForward = work.direction == .forward
        let entry = JournalEntry(
            step: isForward ? step : DeclaredCompensation.recoveryPoint(undoing: step), output: value.json,
            attempt: machine.state.attempts)
        guard work.finishes else {
            return engine.statements.advance(context.id, fence: fence, work, entry: entry)
        }
        let answer = isForward ? StoredAnswer(status: StoredAnswer.successStatus, body: value.json) : nil
        return engine.statements.finish(context.id, fence: fence, work, entry: entry, answer: answer)
    }

    /// The point a foreign key is derived from: the step's own name even where its commit writes `finished`.
    private func foreignPoint(_ work: Work) -> String {
        let step = saga.declaration.steps[work.step].name
        return work.direction == .forward ? step : DeclaredCompensation.recoveryPoint(undoing: step)
    }

    /// What the work takes: in memory, or as it is stored.
    private func input(of work: Work) throws -> any Sendable {
        let steps = saga.declaration.steps
        if work.direction == .compensating { return try journal.output(of: steps[work.step]) }
        if let current { return current }
        return work.step == 0 ? try steps[0].decodeInput(request) : try journal.output(of: steps[work.step - 1])
    }
}
