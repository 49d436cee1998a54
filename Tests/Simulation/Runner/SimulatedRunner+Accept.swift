import Foundation
import Waymark

extension SimulatedRunner {
    /// The engine's: see `EngineLimits.acceptLockWait`.
    static let acceptLockWait = 2 * .seconds

    /// Accepts a new key and runs it. Where the first step is an atomic phase, acceptance and phase are one transaction.
    func acceptAndRun() {
        let new = NewKey(context: context, fence: fence)
        guard let work = machine.next, case .atomicPhase = saga.kind(of: work) else {
            return insert(new, clock: process.clock) { [self] in run() }
        }
        let (clock, timeout) = (process.clock, machine.timeout(of: work))
        hold.beginStep(timeout: timeout, at: clock)
        let session = process.connect(idleTimeout: timeout.inMicroseconds + Scenario.lease)
        runPhase(work, accepting: new, on: session) { [self] verdict in
            process.disconnect(session)
            switch verdict {
            case .exists: end(.exists)
            case .busy: end(.progress(retryAfter: 1 * .seconds))
            case .committed(let value, _):
                accepted(at: clock) { self.pursue(self.advance(past: work, with: value, mark: nil)) }
            default: acceptAfter(verdict, of: work, new)
            }
        }
    }

    /// A lease counts from the beginning of the transaction: after a long first phase little may be left of it.
    private func accepted(at clock: Microseconds, _ then: @escaping () -> Void) {
        hold.confirm(fence: fence, at: clock)
        let now = process.clock
        guard now - clock > Scenario.lease / 3 else { return then() }
        process.query(.renew(context.id, fence: fence, by: process.name)) { [self] result in
            if case .success(let rows) = result, rows.count > 0 { hold.confirm(fence: fence, at: now) }
            then()
        }
    }

    /// Goes on after the common transaction of acceptance and first phase failed.
    private func acceptAfter(_ verdict: Verdict, of work: Work, _ new: NewKey) {
        insert(new, clock: process.clock) { [self] in
            if case .failed(let failure, let error) = verdict { return pursue(fail(work, failure, error)) }
            whereabouts(of: work) { [self] whereabouts in
                switch whereabouts {
                case .committed(let value): pursue(advance(past: work, with: value, mark: nil))
                case .notCommitted: pursue(.perform(work))
                case .lost: end(.lost)
                case .unreachable: end(.unreachable)
                }
            }
        }
    }

    /// Inserts the row; goes on when the row that is there is ours, also when an earlier sending inserted it.
    private func insert(_ new: NewKey, clock: Microseconds, then: @escaping () -> Void) {
        process.query(.accept(new, by: process.name), lockWait: Self.acceptLockWait) { [self] result in
            switch result {
            case .failure(.lockTimeout): end(.progress(retryAfter: 1 * .seconds))
            case .failure: end(.unreachable)
            case .success(let rows) where rows.count > 0:
                hold.confirm(fence: fence, at: clock)
                then()
            case .success:
                process.query(.read(context.id)) { [self] result in
                    guard case .success(let rows) = result else { return end(.unreachable) }
                    guard let row = rows.keys.first, row.context.incarnation == context.incarnation, row.fence == fence
                    else { return end(.exists) }
                    hold.confirm(fence: fence, at: clock)
                    then()
                }
            }
        }
    }
}
