import Foundation
import Waymark
import WaymarkEngine

/// Calls abroad, and the question what became of one.
extension SimulatedRunner {
    /// How a call fares.
    private struct Passage {
        /// When it takes effect after it was sent; nil where it never does.
        var arrival: Microseconds?
        /// When the caller hears of it, and what.
        var response: Microseconds
        var failure: StepFailure?
        var mayBeRefused = false
    }

    private func passage(timeout: Microseconds) -> Passage {
        let arrival = 5 * .milliseconds + process.random.below(60_000)
        let response = arrival + process.random.below(60_000)
        let transient = StepFailure.transient(retryAfter: nil)
        switch world.isHealed ? 0 : process.random.below(100) {
        case 0..<58: return Passage(arrival: arrival, response: response)
        case 58..<64: return Passage(arrival: arrival, response: arrival + process.random.below(2 * timeout))
        case 64..<71: return Passage(arrival: nil, response: response, failure: transient)
        case 71..<79: return Passage(arrival: arrival, response: response, failure: transient)
        case 79..<85: return Passage(arrival: process.random.below(timeout), response: response, failure: transient)
        case 85..<87: return Passage(arrival: nil, response: .max / 4)
        case 87..<90:
            let retryAfter = Duration.milliseconds(process.random.below(4_000))
            let failure: StepFailure =
                process.random.below(2) == 0 ? .transient(retryAfter: retryAfter) : .notHappened(retryAfter: retryAfter)
            return Passage(arrival: nil, response: response, failure: failure)
        case 90: return Passage(arrival: arrival, response: response, failure: .unretryable)
        default: return Passage(arrival: arrival, response: response, mayBeRefused: true)
        }
    }

    private func operation(_ work: Work) -> ForeignSystem.Operation {
        ForeignSystem.Operation(incarnation: context.incarnation, step: work.step, direction: work.direction)
    }

    func makeCall(_ work: Work, _ idempotence: Idempotence, _ verdict: @escaping (Verdict) -> Void) {
        let fault = process.fault(at: "call of s\(work.step) \(work.direction)")
        process.suffer(fault) { [self] in
            // The look at the lease and the call itself are one event: see "Bounds of the promise" in docs/engine.md.
            if world.scenario.guards.contains(.leaseAtCall) {
                if case .lose = hold.due(at: process.clock) { hold.lose() }
                if hold.isLost { return }
            }
            if machine.isPastHorizon(work, sincePoint: sincePoint) {
                return verdict(.failed(.notHappened(retryAfter: nil), "the horizon passed before the call was sent"))
            }
            process.note("calls s\(work.step) \(work.direction)")
            if isPoisoned(work) { return process.kill() }
            send(work, idempotence, verdict)
        }
    }

    private func send(_ work: Work, _ idempotence: Idempotence, _ verdict: @escaping (Verdict) -> Void) {
        let timeout = machine.timeout(of: work).inMicroseconds
        var passage = passage(timeout: timeout)
        // Of a keyed call, "did not happen" is believed at once: one that is asked about is not on its way any more.
        if case .keyed = idempotence, plan[work.step].body.reconcile != nil {
            passage.arrival = passage.arrival.map { min($0, passage.response) }
        }
        let (operation, world) = (operation(work), world)
        let key = KeyIdentity.foreignKey(context, recoveryPoint: foreignPoint(work))
        var returned: Int?
        if let arrival = passage.arrival {
            // On its way, a call outlives its sender.
            world.after(arrival) {
                if passage.mayBeRefused, work.direction == .forward, world.provider.refuses(operation, idempotence) {
                    return
                }
                returned = world.provider.receive(operation, key: key, idempotence)
            }
        }
        process.after(min(passage.response, timeout)) { [self] in
            if passage.response > timeout {
                return verdict(.failed(.transient(retryAfter: nil), "the call times out"))
            }
            if let failure = passage.failure { return verdict(.failed(failure, "the call fails")) }
            guard let returned else {
                return verdict(.failed(.rejected(SimulatedSaga.rejection(by: work.step)), "the call is refused"))
            }
            commitResult(work, StepValue(number: returned), verdict)
        }
    }

    func reconcile(_ work: Work) {
        if process.isStopping { return release(after: .zero, attempts: machine.state.attempts - 1) }
        let timeout = machine.timeout(of: work)
        hold.beginStep(timeout: timeout, at: process.clock)
        let fault = process.fault(at: "question about s\(work.step) \(work.direction)")
        process.suffer(fault) { [self] in
            let luck = world.isHealed ? 0 : process.random.below(100)
            let arrival = process.random.below(50_000)
            var found: Int?
            world.after(arrival) { [self] in found = world.provider.find(operation(work)) }
            process.after(arrival + process.random.below(50_000)) { [self] in
                switch luck {
                case 0..<85: reconciled(work, found)
                case 85..<88:
                    lastError = "the foreign system cannot tell"
                    pursue(.park(.outcomeUnknown))
                default:
                    lastError = "the question fails"
                    pursue(
                        machine.reconcileFailed(
                            work, .transient(retryAfter: nil), sincePoint: sincePoint, using: &process.random))
                }
            }
        }
    }

    private func reconciled(_ work: Work, _ found: Int?) {
        process.note("s\(work.step) \(work.direction) \(found == nil ? "did not happen" : "happened")")
        guard let found else {
            return pursue(machine.resolvedAsNotHappened(work, sincePoint: sincePoint))
        }
        settle(work) { self.commitResult(work, StepValue(number: found), mark: .reconciled, $0) }
    }

    /// Commits the step's substitute: here, its input.
    func degrade(_ work: Work) {
        let value = StepValue(number: input(of: work))
        settle(work) { self.commitResult(work, value, mark: .degraded, $0) }
    }
}
