import Foundation
import Waymark

/// The writes that are not a step's commit.
extension SimulatedRunner {
    enum WriteResult {
        case done
        case lost
        case failed
    }

    /// Sends a guarded update, through outages. A lost connection leaves open whether it was applied; then it is sent again,
    /// and if its guard finds no row, `landed` tells from the row whether the first sending was.
    func write(
        _ update: Statement, landed: @escaping (ModelKey) -> Bool, _ reply: @escaping (WriteResult) -> Void
    ) {
        process.query(update) { [self] result in
            switch result {
            case .failure: reply(.failed)
            case .success(let rows) where rows.count > 0: reply(.done)
            case .success:
                process.query(.read(context.id)) { [self] result in
                    guard case .success(let rows) = result, let row = rows.keys.first, isOurs(row), landed(row) else {
                        return reply(.lost)
                    }
                    reply(.done)
                }
            }
        }
    }

    /// Goes on after a write that was done, and ends otherwise.
    private func write(
        _ change: Statement.Change, landed: @escaping (ModelKey) -> Bool = { _ in false }, then: @escaping () -> Void
    ) {
        let state = machine.state
        let update = Statement.write(
            context.id, fence: fence, from: state.recoveryPoint, going: state.direction, change)
        write(update, landed: landed) { [self] result in
            if hold.isLost { return }
            switch result {
            case .done: then()
            case .lost: end(.lost)
            case .failed: end(.unreachable)
            }
        }
    }

    func recordAttempt(waiting delay: Duration) {
        let attempt = machine.state.attempts + 1
        // The wait is part of the step at hand: the lease is renewed through it.
        hold.beginStep(timeout: delay, at: process.clock)
        let point = machine.state.recoveryPoint
        write(.recordAttempt(attempt, error: lastError ?? ""), landed: { $0.recoveryPoint == point }) { [self] in
            process.after(delay.inMicroseconds) { [self] in
                if hold.isLost { return }
                pursue(machine.retried(sincePoint: sincePoint))
            }
        }
    }

    func reject(_ rejection: Rejection, finishes: Bool) {
        let answer = ModelAnswer(status: rejection.status, body: rejection.body)
        let error = lastError ?? ""
        let change: Statement.Change =
            finishes ? .finishRejected(answer, error: error) : .reject(answer, error: error)
        write(change, landed: { $0.direction == .compensating && $0.answer == answer }) { [self] in
            self.answer = answer
            pointCommittedAt = process.clock
            pursue(machine.rejected(finishes: finishes))
        }
    }

    func release(after delay: Duration, attempts: Int) {
        let delay = delay.inMicroseconds
        write(.release(after: delay, attempts: attempts, isInDoubt: machine.state.isInDoubt, error: lastError)) {
            [self] in
            end(.progress(retryAfter: delay))
        }
    }

    func park(_ reason: ParkedReason) {
        process.note("parks: \(reason.rawValue)")
        write(.park(reason, isInDoubt: machine.state.isInDoubt, error: lastError)) { [self] in end(.parked(reason)) }
    }

    // MARK: Beginnings and sleeps

    func begin(_ work: Work) {
        if endBeforeStep() { return }
        if work.direction == .forward, case .sleep(let wake) = plan[work.step].body {
            let delay = Self.delay(wake(input(of: work)))
            return delay > .zero ? rest(work, for: delay) : wakeUp(work, wake)
        }
        let point = machine.beginning(of: work)
        // A call that is made anew is begun anew: then the point stays, and only the first sending can have been ours.
        write(
            .begin(to: point, attempts: machine.state.attempts),
            landed: { $0.recoveryPoint == point && point != work.from }
        ) { [self] in
            pointCommittedAt = process.clock
            pursue(machine.begun(work, as: point))
        }
    }

    private func rest(_ work: Work, for delay: Duration) {
        let delay = delay.inMicroseconds
        write(.rest(to: machine.beginning(of: work), after: delay)) { [self] in end(.progress(retryAfter: delay)) }
    }

    /// Goes on after a sleep; back to sleep where it is too early.
    func wakeUp(_ work: Work, _ wake: (any Sendable) -> Wake) {
        let input = input(of: work)
        let left = Self.delay(wake(input)) - sincePoint
        // The engine's tolerance: the database's clock and this machine's sleep a little apart.
        if left > .milliseconds(5) { return release(after: left, attempts: machine.state.attempts - 1) }
        settle(work) { self.commitResult(work, StepValue(number: input), $0) }
    }

    private static func delay(_ wake: Wake) -> Duration {
        switch wake {
        case .after(let delay): delay
        case .at: preconditionFailure("no simulated saga sleeps until a date")
        }
    }
}
