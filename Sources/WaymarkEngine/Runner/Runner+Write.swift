import Foundation
import Logging
import PostgresPQ
import Waymark

/// The writes that are not a step's commit: attempts, releases, rejections, parking.
extension Runner {
    enum WriteResult {
        case done
        /// The guard found no row: the key is not ours any more.
        case lost
        case failed(PostgresError)
    }

    /// Sends a guarded single-statement update, through outages of the database.
    ///
    /// A lost connection leaves open whether it was applied; then it is sent again, and if its guard finds no row,
    /// `landed` tells from the row whether the first sending was.
    func write(_ update: PostgresQuery, landed: @escaping @Sendable (Location) -> Bool) async -> WriteResult {
        let result = await engine.postgres.patiently { postgres in try await !postgres.query(update).isEmpty }
        switch result {
        case .success(true): return .done
        case .failure(let error): return .failed(error)
        case .success(false):
            guard case .success(let location?) = await locate(), location.incarnation == context.incarnation,
                location.fence == fence, landed(location)
            else { return .lost }
            return .done
        }
    }

    mutating func recordAttempt(waiting delay: Duration) async -> Progression {
        let update = engine.statements.recordAttempt(
            context.id, fence: fence, at: machine.state.recoveryPoint, attempt: machine.state.attempts + 1,
            error: lastError ?? "")
        // The wait is part of the step at hand: the lease is renewed through it.
        hold.beginStep(timeout: delay)
        switch await write(update, landed: { _ in false }) {
        case .lost: return lost()
        case .failed(let error): return unreachable(error)
        case .done: break
        }
        // A stop does not wait for a backoff: the next perform hands the key back.
        try? await Task.sleep(for: delay)
        if hold.isLost { return lost() }
        return .next(machine.retried(sincePoint: sincePoint))
    }

    mutating func reject(_ rejection: Rejection, finishes: Bool) async -> Progression {
        let answer = StoredAnswer(status: rejection.status, body: rejection.body)
        let point = machine.state.recoveryPoint
        let error = lastError ?? ""
        let update =
            finishes
            ? engine.statements.finishRejected(context.id, fence: fence, from: point, answer: answer, error: error)
            : engine.statements.reject(context.id, fence: fence, from: point, answer: answer, error: error)
        switch await write(update, landed: { $0.direction == .compensating && $0.answer == answer }) {
        case .lost: return lost()
        case .failed(let error): return unreachable(error)
        case .done:
            self.answer = answer
            pointCommittedAt = .now
            return .next(machine.rejected(finishes: finishes))
        }
    }

    func release(after delay: Duration, attempts: Int) async -> Progression {
        let update = engine.statements.release(
            context.id, fence: fence, at: machine.state.recoveryPoint, after: delay, attempts: attempts,
            error: lastError)
        let progress = SagaProgress(cause: .waiting, recoveryPoint: machine.state.recoveryPoint, retryAfter: delay)
        return await giveUp(update, as: .progress(progress))
    }

    func park(_ reason: ParkedReason) async -> Progression {
        logger.error("key is parked", metadata: ["reason": .string(reason.rawValue)])
        engine.metrics.park()
        return await giveUp(
            engine.statements.park(
                context.id, fence: fence, at: machine.state.recoveryPoint, reason: reason, error: lastError),
            as: .parked(reason))
    }

    /// Sends the last write of a holder. In a task of its own, because that of a stopped runner is cancelled.
    private func giveUp(_ update: PostgresQuery, as conclusion: Conclusion) async -> Progression {
        let runner = self
        switch await Task(operation: { await runner.write(update, landed: { _ in false }) }).value {
        case .done: return .end(conclusion)
        case .lost: return lost()
        case .failed(let error): return unreachable(error)
        }
    }
}
