import Synchronization

/// Places for work under way: waits while there are too few. For one taker, any number of givers.
final class Room: Sendable {
    private struct State {
        var free: Int
        /// The taker, and how many places it waits for.
        var waiter: (places: Int, continuation: CheckedContinuation<Int, Never>)?

        /// The taker, if it has what it waits for.
        mutating func satisfied() -> (continuation: CheckedContinuation<Int, Never>, free: Int)? {
            guard let waiter, free >= waiter.places else { return nil }
            self.waiter = nil
            return (waiter.continuation, free)
        }
    }

    private let state: Mutex<State>

    init(_ places: Int) {
        precondition(places > 0, "there is at least one place for work")
        state = Mutex(State(free: places))
    }

    /// Waits for `wanted` free places, and gives their number.
    /// - Parameter patience: how long it waits for more than one.
    func free(_ wanted: Int, within patience: Duration) async -> Int {
        let free = await free(1)
        if free >= wanted { return free }
        let timer = Task {
            guard (try? await Task.sleep(for: patience)) != nil else { return }
            self.settle()
        }
        defer { timer.cancel() }
        return await self.free(wanted)
    }

    private func free(_ places: Int) async -> Int {
        await withCheckedContinuation { continuation in
            let free = state.withLock { state in
                if state.free < places { state.waiter = (places, continuation) }
                return state.free
            }
            if free >= places { continuation.resume(returning: free) }
        }
    }

    /// Has the taker go on with the places that are free.
    private func settle() {
        resume { $0.waiter?.places = 1 }
    }

    func take(_ places: Int) {
        state.withLock { $0.free -= places }
    }

    func give() {
        resume { $0.free += 1 }
    }

    private func resume(after change: (inout State) -> Void) {
        let satisfied = state.withLock { state in
            change(&state)
            return state.satisfied()
        }
        satisfied?.continuation.resume(returning: satisfied?.free ?? 0)
    }
}
