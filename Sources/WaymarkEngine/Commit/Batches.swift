import DequeModule
import Synchronization

/// Gathers what many tasks ask for into few batches: whatever comes in while the batches before are under way goes into the
/// next one.
///
/// Nobody waits for company: what finds a place free is begun at once, so a lone item is as fast as by itself. The idea is
/// that of a database's group commit.
final class Batches<Item: Sendable>: Sendable {
    private struct State {
        var waiting: Deque<Item> = []
        var running = 0
    }

    private let state = Mutex(State())
    private let places: Int
    private let items: Int
    private let bytes: @Sendable (Item) -> Int

    /// - Parameters:
    ///   - places: batches under way at the same time.
    ///   - items: in one batch at most.
    ///   - bytes: what an item takes of `EngineLimits.batchBytes`.
    init(places: Int, items: Int, bytes: @escaping @Sendable (Item) -> Int = { _ in 0 }) {
        self.places = places
        self.items = items
        self.bytes = bytes
    }

    /// - Returns: Whether a place is free: then the caller has ``next()`` performed, again and again, until there is none.
    func add(_ item: Item) -> Bool {
        state.withLock { state in
            state.waiting.append(item)
            if state.running == places { return false }
            state.running += 1
            return true
        }
    }

    /// What to do next at a place that was taken; nil gives it back.
    func next() -> [Item]? {
        state.withLock { state in
            if state.waiting.isEmpty {
                state.running -= 1
                return nil
            }
            var sum = 0
            let batch = Array(
                state.waiting.prefix(items).prefix { item in
                    // The first fits, however large it is.
                    defer { sum += bytes(item) }
                    return sum < EngineLimits.batchBytes
                })
            state.waiting.removeFirst(batch.count)
            return batch
        }
    }
}
