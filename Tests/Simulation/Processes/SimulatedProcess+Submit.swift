import Foundation
import Waymark

/// What a front door says to a client.
enum Submission {
    case answered(ModelAnswer)
    case inProgress(retryAfter: Microseconds)
    case parked(ParkedReason)
    case failed
}

/// Taking requests: `Orchestrator.submit`.
extension SimulatedProcess {
    /// The engine's: see `EngineLimits`.
    private static let acceptRounds = 10

    func submit(_ key: IdempotencyKey, scope: Scope, _ reply: @escaping (Submission) -> Void) {
        accept(KeyIdentity.rowID(scope: scope, key: key), key, scope, round: 1, reply)
    }

    private func accept(
        _ id: UUID, _ key: IdempotencyKey, _ scope: Scope, round: Int, _ reply: @escaping (Submission) -> Void
    ) {
        if round > Self.acceptRounds { return reply(.failed) }
        // Drawn anew in each round: what was accepted before, and is gone, was another operation.
        let context = KeyContext(id: id, scope: scope, key: key, saga: Assembled.name, incarnation: random.uuid())
        let fence = world.scenario.guards.contains(.incarnation) ? context.firstFence : 1
        let new = NewKey(context: context, fence: fence)
        let run = { [self] in
            let hold = Hold(id: id, at: clock)
            work(
                under: hold, then: { [self] in settle($0, of: new, round: round, reply) },
                { SimulatedRunner(accepting: new, hold: hold, process: self).acceptAndRun() })
        }
        if isHeld(id) { return run() }
        query(.read(id)) { [self] result in
            guard case .success(let rows) = result else { return reply(.failed) }
            guard let row = rows.keys.first else { return run() }
            look(at: row, of: new, round: round, isBeingAccepted: false, reply)
        }
    }

    private func settle(
        _ conclusion: Conclusion, of new: NewKey, round: Int, _ reply: @escaping (Submission) -> Void
    ) {
        switch conclusion {
        case .answered(let answer): reply(.answered(answer))
        case .progress(let delay): reply(.inProgress(retryAfter: delay))
        case .parked(let reason): reply(.parked(reason))
        case .unreachable, .stopping: reply(.failed)
        case .exists, .lost: look(at: new, round: round, isBeingAccepted: false, reply)
        case .beingAccepted: look(at: new, round: round, isBeingAccepted: true, reply)
        }
    }

    /// Answers from the row of a key that somebody else has accepted; claims it where nobody works on it.
    private func look(
        at new: NewKey, round: Int, isBeingAccepted: Bool, _ reply: @escaping (Submission) -> Void
    ) {
        query(.read(new.context.id)) { [self] result in
            guard case .success(let rows) = result else { return reply(.failed) }
            guard let row = rows.keys.first else { return again(new, round: round, isBeingAccepted, reply) }
            look(at: row, of: new, round: round, isBeingAccepted: isBeingAccepted, reply)
        }
    }

    private func look(
        at row: ModelKey, of new: NewKey, round: Int, isBeingAccepted: Bool, _ reply: @escaping (Submission) -> Void
    ) {
        if row.done, let answer = row.answer { return reply(.answered(answer)) }
        if let reason = row.parkedReason { return reply(.parked(reason)) }
        if row.leaseUntil > world.now { return reply(.inProgress(retryAfter: 1 * .seconds)) }
        if row.runAt > world.now { return reply(.inProgress(retryAfter: row.runAt - world.now)) }
        let claimedAt = clock
        query(.claim(row.id, fence: row.fence, by: name)) { [self] result in
            guard case .success(let rows) = result else { return reply(.failed) }
            guard let claimed = rows.keys.first else { return again(new, round: round, isBeingAccepted, reply) }
            drive(claimed, claimedAt: claimedAt) { [self] in settle($0, of: new, round: round, reply) }
        }
    }

    private func again(_ new: NewKey, round: Int, _ isBeingAccepted: Bool, _ reply: @escaping (Submission) -> Void) {
        if isBeingAccepted { return reply(.inProgress(retryAfter: 1 * .seconds)) }
        accept(new.context.id, new.context.key, new.context.scope, round: round + 1, reply)
    }
}
