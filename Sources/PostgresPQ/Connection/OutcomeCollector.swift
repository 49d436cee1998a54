import Synchronization

/// Gathers the outcomes of several jobs and resumes their caller when the last one is there.
final class OutcomeCollector: Sendable {
    private struct State {
        var outcomes: [JobOutcome?]
        var missing: Int
        let continuation: CheckedContinuation<[JobOutcome], Never>
    }

    private let state: Mutex<State>

    init(count: Int, _ continuation: CheckedContinuation<[JobOutcome], Never>) {
        state = Mutex(
            State(outcomes: Array(repeating: nil, count: count), missing: count, continuation: continuation))
    }

    func set(_ outcome: JobOutcome, at index: Int) {
        state.withLock { state in
            precondition(state.outcomes[index] == nil, "a job has one outcome")
            state.outcomes[index] = outcome
            state.missing -= 1
            if state.missing == 0 {
                state.continuation.resume(returning: state.outcomes.compactMap { $0 })
            }
        }
    }
}
