import Synchronization

/// Work that can be cancelled, and left behind where it ignores that.
package final class AbandonableTask: Sendable {
    /// How the work ended for the caller that waits for it.
    package enum Ending: Sendable {
        case returned
        case failed(any Error)
        /// The work may still be running; its caller waits no longer.
        case abandoned
    }

    private struct State {
        var task: Task<Void, Never>?
        var waiter: CheckedContinuation<Ending, Never>?
        var isCancelled = false
        var isAbandoned = false
    }

    private let state = Mutex(State())

    package init() {}

    /// Runs `body` in a task of its own, and waits until it ends or is abandoned. To be called once.
    package func run(_ body: @escaping @Sendable () async throws -> Void) async -> Ending {
        await withCheckedContinuation { waiter in
            state.withLock { $0.waiter = waiter }
            let task = Task {
                do {
                    try await body()
                    resume(.returned)
                } catch {
                    resume(.failed(error))
                }
            }
            let (isCancelled, isAbandoned) = state.withLock { state in
                state.task = task
                return (state.isCancelled, state.isAbandoned)
            }
            if isCancelled { task.cancel() }
            if isAbandoned { resume(.abandoned) }
        }
    }

    /// Asks the work to end.
    package func cancel() {
        let task = state.withLock { state in
            state.isCancelled = true
            return state.task
        }
        task?.cancel()
    }

    /// Has the caller go on without the work.
    package func abandon() {
        state.withLock { $0.isAbandoned = true }
        resume(.abandoned)
    }

    /// Asks the work to end when `delay` is over, and then has the caller wait no longer than `patience`.
    package func cancel(after delay: Duration, thenAbandonAfter patience: Duration) {
        _ = Deadlines.shared.add(after: delay) { self.cancel() }
        _ = Deadlines.shared.add(after: delay + patience) { self.abandon() }
    }

    private func resume(_ ending: Ending) {
        let waiter = state.withLock { state in
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume(returning: ending)
    }
}
