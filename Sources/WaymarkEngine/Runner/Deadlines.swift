import Synchronization

/// What this process does when some time is over, unless it is told otherwise before: one timer for all of it, instead of
/// a sleeping task for each.
final class Deadlines: Sendable {
    private struct State {
        var entries: [Int: Entry] = [:]
        var added = 0
        /// The next look, and when it is.
        var timer: (at: ContinuousClock.Instant, task: Task<Void, Never>)?
    }

    private struct Entry {
        let at: ContinuousClock.Instant
        let action: @Sendable () -> Void
    }

    static let shared = Deadlines()

    private let state = Mutex(State())

    /// At most so often are all deadlines looked through: ten thousand take less than a millisecond.
    private static let shortestPause: Duration = .milliseconds(10)

    /// - Returns: What to ``remove(_:)`` it with.
    func add(after delay: Duration, _ action: @escaping @Sendable () -> Void) -> Int {
        let deadline = ContinuousClock.now + delay
        return state.withLock { state in
            state.added += 1
            state.entries[state.added] = Entry(at: deadline, action: action)
            if state.timer.map({ deadline < $0.at }) ?? true { setTimer(deadline, &state) }
            return state.added
        }
    }

    /// - Returns: Whether the time was not over yet: what is removed is not done.
    func remove(_ deadline: Int) -> Bool {
        state.withLock { $0.entries.removeValue(forKey: deadline) != nil }
    }

    private func setTimer(_ instant: ContinuousClock.Instant, _ state: inout State) {
        state.timer?.task.cancel()
        let task = Task.detached {
            guard (try? await Task.sleep(until: instant, clock: .continuous)) != nil else { return }
            self.ring()
        }
        state.timer = (instant, task)
    }

    /// Does what is due, and sets the timer for what is next.
    private func ring() {
        let due = state.withLock { state in
            let now = ContinuousClock.now
            let due = state.entries.filter { $0.value.at <= now }
            for id in due.keys { state.entries[id] = nil }
            state.timer = nil
            if let next = state.entries.values.lazy.map(\.at).min() {
                setTimer(max(next, now + Self.shortestPause), &state)
            }
            return due.values
        }
        for entry in due { entry.action() }
    }
}
