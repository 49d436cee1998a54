import Synchronization

/// Gathers what many tasks ask for into few batches: whatever comes in while the batches before are under way goes into the
/// next one.
///
/// Nobody waits for company: what finds a place free is begun at once, so a lone item is as fast as by itself. The idea is
/// that of a database's group commit. Nor does anybody wait long for batches that do not end: another begins beside them.
final class Batches<Item: Sendable>: Sendable {
    private let queue: Mutex<BatchQueue<Item>>
    private let longestWait: Duration

    /// - Parameters:
    ///   - places: batches under way at the same time.
    ///   - mostPlaces: the same where they do not end.
    ///   - longestWait: for one of them to end, until another begins; whoever comes while it runs may wait twice as long.
    ///   - items: in one batch at most.
    ///   - bytes: what an item takes of `EngineLimits.batchBytes`.
    init(
        places: Int, mostPlaces: Int, longestWait: Duration, items: Int,
        bytes: @escaping @Sendable (Item) -> Int = { _ in 0 }
    ) {
        precondition(
            places > 0 && items > 0 && longestWait > .zero, "a batch needs a place, room for an item, and time to end")
        queue = Mutex(BatchQueue(places: places, mostPlaces: mostPlaces, itemLimit: items, bytes: bytes))
        self.longestWait = longestWait
    }

    /// Has `perform` do the item with those that wait beside it: not in the caller's task, since its cancellation must not
    /// reach what others asked for, nor what is said of it to tracing.
    func add(_ item: Item, _ perform: @escaping @Sendable ([Item]) async -> Void) {
        switch queue.withLock({ $0.add(item) }) {
        case .none: break
        case .begin: begin(perform)
        case .watch: Task.detached { [self] in await watch(perform) }
        }
    }

    private func begin(_ perform: @escaping @Sendable ([Item]) async -> Void) {
        Task.detached { [self] in
            var last: BatchQueue<Item>.Batch?
            while let batch = queue.withLock({ $0.next(after: last) }) {
                await perform(batch.items)
                last = batch
            }
        }
    }

    private func watch(_ perform: @escaping @Sendable ([Item]) async -> Void) async {
        while let mark = queue.withLock({ $0.mark() }) {
            // Nobody cancels a detached task.
            try? await Task.sleep(for: longestWait)
            if queue.withLock({ $0.takeFurtherPlace(since: mark) }) { begin(perform) }
        }
    }
}
