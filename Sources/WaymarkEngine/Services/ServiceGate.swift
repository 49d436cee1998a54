import Dispatch
import Synchronization
import Waymark

/// Where this process's calls to one foreign service pass: keeps its limits, with a queue in order of arrival.
final class ServiceGate: Sendable {
    private struct State {
        var machine: ServiceGateStateMachine
        var continuations: [Int: CheckedContinuation<Admission, Never>] = [:]
        var arrivals = 0
    }

    private enum Effect {
        case answer(CheckedContinuation<Admission, Never>, Admission)
        case setTimer(ContinuousClock.Instant)
    }

    private static let timerQueue = DispatchQueue(label: "waymark.services.timer")

    private let state: Mutex<State>
    private let clock: EngineClock

    init(_ service: ForeignService, clock: EngineClock = .system) {
        precondition(service.problems.isEmpty, service.problems.joined(separator: "; "))
        self.clock = clock
        state = Mutex(State(machine: ServiceGateStateMachine(service)))
    }

    var waitingCount: Int { state.withLock { $0.machine.waiters.count } }
    var insideCount: Int { state.withLock { $0.machine.inside.count } }

    /// Waits for a slot and a token, in order of arrival. Whoever is admitted has to leave, however the call ends.
    ///
    /// - Parameter timeout: how long to wait. Where it is known beforehand that this is too short, the refusal comes at
    ///   once, as it does while the breaker is open.
    func enter(timeout: Duration) async -> Admission {
        guard !Task.isCancelled else { return .cancelled }
        let id = state.withLock { state in
            state.arrivals += 1
            return state.arrivals
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                update { state in
                    state.continuations[id] = continuation
                    return state.machine.enter(id, timeout: timeout, now: clock.now())
                }
                // A cancellation that came before found nobody in the queue; one that comes after does.
                if Task.isCancelled { cancel(id) }
            }
        } onCancel: {
            cancel(id)
        }
    }

    func leave(_ id: Int, _ outcome: ServiceOutcome) {
        update { $0.machine.leave(id, outcome, now: clock.now()) }
    }

    private func cancel(_ id: Int) {
        let continuation = state.withLock { state in
            state.machine.cancel(id) ? state.continuations.removeValue(forKey: id) : nil
        }
        continuation?.resume(returning: .cancelled)
    }

    /// Changes the state under the lock, then, without it, does what others will hear of.
    private func update(_ change: (inout State) -> [ServiceGateStateMachine.Action]) {
        let effects = state.withLock { state in
            change(&state).map { effect(of: $0, &state) }
        }
        for effect in effects {
            switch effect {
            case .answer(let continuation, let admission): continuation.resume(returning: admission)
            case .setTimer(let instant): setTimer(instant)
            }
        }
    }

    private func effect(of action: ServiceGateStateMachine.Action, _ state: inout State) -> Effect {
        switch action {
        case .admit(let id):
            return .answer(continuation(of: id, &state), .admitted(Admission.Pass(gate: self, id: id)))
        case .refuse(let id, let reason, let earliest, let spread):
            let retryAfter = earliest + spread * Double.random(in: 0...1)
            return .answer(continuation(of: id, &state), .refused(retryAfter: retryAfter, reason: reason))
        case .setTimer(let instant):
            return .setTimer(instant)
        }
    }

    private func continuation(of id: Int, _ state: inout State) -> CheckedContinuation<Admission, Never> {
        guard let continuation = state.continuations.removeValue(forKey: id) else {
            preconditionFailure("whoever waits has a continuation")
        }
        return continuation
    }

    private func setTimer(_ instant: ContinuousClock.Instant) {
        let delay = clock.now().duration(to: instant).inSeconds
        Self.timerQueue.asyncAfter(deadline: .now() + max(delay, 0)) { [weak self, clock] in
            // The timer's clock is another one: it may be a little early, and would not ring again.
            self?.update { $0.machine.wake(now: max(clock.now(), instant)) }
        }
    }
}
