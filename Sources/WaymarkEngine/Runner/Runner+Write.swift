import Foundation
import Logging
import PostgresPQ
import Waymark

/// The writes that are not a step's commit: attempts, releases, rejections, parking.
extension Runner {
    func recordAttempt(waiting delay: Duration) async -> Progression {
        let (point, attempt) = (machine.state.recoveryPoint, machine.state.attempts + 1)
        let update =
            line.isMain
            ? engine.statements.recordAttempt(
                context.id, fence: fence, going: machine.state.direction, at: point, attempt: attempt,
                error: lastError ?? "")
            : move(
                BranchState(point: point, attempts: attempt, doubt: machine.state.isInDoubt), attemptsBelow: attempt)
        // The wait is part of the step at hand: the lease is renewed through it.
        hold.beginStep(timeout: delay, line: line.name)
        // Where the row stands as it stood, it is the attempt that is counted already.
        switch await key.write(
            .update(engine.statements.orFail(update)), line.id, landed: { $0.recoveryPoint == point })
        {
        case .lost: return lost()
        case .failed(let error): return unreachable(error)
        case .done: break
        }
        // A stop does not wait for a backoff: the next perform hands the key back.
        try? await engine.clock.sleep(delay)
        if hold.isLost { return lost() }
        return .next(machine.retried(sincePoint: sincePoint))
    }

    func reject(_ rejection: Rejection, finishes: Bool) async -> Progression {
        let answer = StoredAnswer(status: rejection.status, body: rejection.body)
        let (statements, point, error) = (engine.statements, machine.state.recoveryPoint, lastError ?? "")
        guard line.isMain else {
            let state = BranchState(
                point: point, attempts: machine.state.attempts,
                rejected: .init(status: answer.status, body: answer.body))
            return await endBranch(state, as: .rejected(rejection))
        }
        if !finishes, hasRunGroup, let end = await relearn() { return end }
        let update =
            finishes
            ? failing(statements.finishRejected(context.id, fence: fence, from: point, answer: answer, error: error))
            : statements.orFail(
                statements.reject(context.id, fence: fence, from: point, answer: answer, error: error))
        switch await key.write(
            .update(update), line.id, landed: { $0.direction == .compensating && $0.answer == answer })
        {
        case .lost: return lost()
        case .failed(let error): return unreachable(error)
        case .done:
            self.answer = answer
            branches = [:]
            pointCommittedAt = now
            return .next(machine.rejected(finishes: finishes))
        }
    }

    /// Gives the key back; a branch only says that it has nothing to do.
    /// - Parameters:
    ///   - events: what ends the wait before.
    ///   - cause: what the caller is told.
    func release(
        after delay: Duration, attempts: Int, events: [String] = [], cause: SagaProgress.Cause = .backoff
    ) async -> Progression {
        let point = machine.state.recoveryPoint
        guard line.isMain else {
            let state = BranchState(
                point: point, attempts: attempts + 1, event: events.first, doubt: machine.state.isInDoubt)
            return await endBranch(
                state, due: delay, as: .waiting(until: now + delay, event: events.first, isIdle: isIdle))
        }
        let update = engine.statements.release(
            context.id, fence: fence, at: point, after: delay, attempts: attempts, events: events,
            isInDoubt: machine.state.isInDoubt, error: lastError)
        // What is waited for may come at any moment.
        let retryAfter = cause == .waiting && !events.isEmpty ? min(delay, EngineLimits.runningRetryAfter) : delay
        let progress = SagaProgress(cause: cause, recoveryPoint: point, retryAfter: retryAfter)
        return await giveUp(update, as: .progress(progress))
    }

    func park(_ reason: ParkedReason) async -> Progression {
        let point = machine.state.recoveryPoint
        guard line.isMain else {
            let state = BranchState(
                point: point, attempts: machine.state.attempts, parked: reason.rawValue, doubt: machine.state.isInDoubt)
            return await endBranch(state, as: .parked(reason, lastError))
        }
        logger.error("key is parked", metadata: ["reason": .string(reason.rawValue)])
        engine.metrics.park()
        return await giveUp(
            engine.statements.park(
                context.id, fence: fence, at: point, reason: reason, isInDoubt: machine.state.isInDoubt,
                error: lastError),
            as: .parked(reason))
    }

    /// Whether the line only lets time pass, or waits for an event.
    var isIdle: Bool {
        let point = RecoveryPoint(machine.state.recoveryPoint)
        guard point.stage != nil, let index = plan.index(named: point.step) else { return false }
        switch plan[index].kind {
        case .sleep, .wait: return true
        default: return false
        }
    }

    /// Records where a branch stands, without moving its point.
    private func move(_ state: BranchState, due: Duration? = nil, attemptsBelow bound: Int? = nil) -> PostgresQuery {
        engine.statements.move(
            context.id, fence: fence, line.id, from: machine.state.recoveryPoint, state, isProgress: false, due: due,
            attemptsBelow: bound, error: lastError)
    }

    private func endBranch(_ state: BranchState, due: Duration? = nil, as end: BranchEnd) async -> Progression {
        let update = move(state, due: due)
        let point = state.point
        let (key, line) = (self.key, self.line.id)
        // As in `giveUp`.
        let written = Task {
            await key.write(.update(key.engine.statements.orFail(update)), line, landed: { $0.recoveryPoint == point })
        }
        switch await written.value {
        case .done: return .end(.branch(end))
        case .lost: return lost()
        case .failed(let error): return unreachable(error)
        }
    }

    /// An update that finishes the key, so that it fails where it finds no row; tells the key that waits for the answer.
    func failing(_ finish: PostgresQuery) -> PostgresQuery {
        key.parentEvent == nil ? engine.statements.orFail(finish) : engine.statements.waking(finish)
    }

    /// Sends the last write of a holder. In a task of its own, because that of a stopped runner is cancelled.
    func giveUp(_ update: PostgresQuery, as conclusion: Conclusion) async -> Progression {
        let (key, line, update) = (self.key, self.line.id, GuardedWrite.update(engine.statements.orFail(update)))
        switch await Task(operation: { await key.write(update, line, landed: { _ in false }) }).value {
        case .done: return .end(.concluded(conclusion))
        case .lost: return lost()
        case .failed(let error): return unreachable(error)
        }
    }
}
