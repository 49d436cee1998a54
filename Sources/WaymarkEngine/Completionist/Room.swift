import Synchronization

/// Places for work under way: waits while there are none. For one taker, any number of givers.
final class Room: Sendable {
    private struct State {
        var free: Int
        var waiter: CheckedContinuation<Int, Never>?
    }

    private let state: Mutex<State>

    init(_ places: Int) {
        precondition(places > 0, "a completionist drives at least one key at a time")
        state = Mutex(State(free: places))
    }

    /// How many places are free, as soon as there is one.
    func free() async -> Int {
        await withCheckedContinuation { continuation in
            let free = state.withLock { state in
                if state.free == 0 { state.waiter = continuation }
                return state.free
            }
            if free > 0 { continuation.resume(returning: free) }
        }
    }

    func take(_ places: Int) {
        state.withLock { $0.free -= places }
    }

    func give() {
        let waiter = state.withLock { state in
            state.free += 1
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume(returning: 1)
    }
}
