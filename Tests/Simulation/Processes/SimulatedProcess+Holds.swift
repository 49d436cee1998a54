import Foundation
import Waymark

/// The keys that a process is working on, and their leases.
extension SimulatedProcess {
    func work(under hold: Hold, then: @escaping (Conclusion) -> Void, _ body: () -> Void) {
        if isStopping { return then(.stopping) }
        if let running = holds[hold.id] { return then(local(running, isRepeat: hold.fence == nil)) }
        holds[hold.id] = hold
        hold.waiter = { [weak self, weak hold] conclusion in
            guard let self, let hold else { return }
            if holds[hold.id] === hold { holds[hold.id] = nil }
            then(conclusion)
        }
        watchLeases()
        body()
    }

    func isHeld(_ id: UUID) -> Bool { holds[id] != nil }

    private func local(_ running: Hold, isRepeat: Bool) -> Conclusion {
        guard isRepeat else {
            running.lose()
            return .beingAccepted
        }
        return running.isConfirmed ? .progress(retryAfter: 1 * .seconds) : .beingAccepted
    }

    func drive(_ row: ModelKey, claimedAt: Microseconds, then: @escaping (Conclusion) -> Void) {
        world.tally.claims += 1
        let hold = Hold(id: row.id, at: clock)
        hold.confirm(fence: row.fence, at: claimedAt)
        work(
            under: hold,
            then: { [self] conclusion in
                switch conclusion {
                case .stopping, .beingAccepted:
                    let giveBack = Statement.write(
                        row.id, fence: row.fence, from: row.recoveryPoint, going: row.direction,
                        .release(
                            after: 0, attempts: row.attempts - 1, isInDoubt: row.isInDoubt, error: nil))
                    query(giveBack) { _ in }
                default: break
                }
                then(conclusion)
            },
            {
                do {
                    try SimulatedRunner(claimed: row, at: claimedAt, hold: hold, process: self).run()
                } catch {
                    world.checker.fail("a journal that cannot be read: \(row.journal): \(error)")
                }
            })
    }

    private func watchLeases() {
        if isWatching { return }
        isWatching = true
        after(Scenario.lease / 6) { [self] in
            isWatching = false
            for hold in heldInOrder {
                if case .lose = hold.due(at: clock) {
                    note("gives up a lease that it could not renew")
                    hold.lose()
                }
            }
            for hold in heldInOrder {
                if case .renew(let fence) = hold.due(at: clock) { renew(hold, fence) }
            }
            if !holds.isEmpty { watchLeases() }
        }
    }

    private func renew(_ hold: Hold, _ fence: Int) {
        let sentAt = clock
        let session = connect()
        let renewal = Statement.renew(hold.id, fence: fence, by: name)
        send(Server.Batch(statements: [renewal]), on: session) { [self] outcome in
            disconnect(session)
            // One that failed is due again at the next look.
            guard case .success(let rows) = outcome else { return }
            if rows[0].count == 0 { hold.lose() } else { hold.confirm(fence: fence, at: sentAt) }
        }
    }

    /// A dictionary's order is another one in each run.
    private var heldInOrder: [Hold] { holds.values.sorted { $0.id.uuidString < $1.id.uuidString } }
}
