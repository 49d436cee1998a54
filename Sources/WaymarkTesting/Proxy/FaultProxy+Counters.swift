import Synchronization

extension FaultProxy {
    /// What a proxy has done since it started.
    public struct Counters: Sendable, Equatable {
        /// Connections taken, including those refused.
        public var connections = 0
        /// Connections that are open now.
        public var open = 0
        /// Connections reset at once, by the rules or because the server could not be reached.
        public var refused = 0
        /// Connections cut by a rule, a pattern or ``FaultProxy/resetAll()``, counted when the cut is over.
        public var cuts = 0
        /// Pieces passed on: what a client writes at once is one, up to 64 KiB. A client that writes faster than the proxy
        /// reads has several of its writes counted as one.
        public var piecesToServer = 0
        /// Bytes passed on.
        public var bytesToServer = 0
        /// Bytes passed on.
        public var bytesToClient = 0
    }

    /// What the proxy has done until now.
    public var counters: Counters { state.withLock { $0.counters } }

    /// Waits until `count` connections have been cut since the proxy started, or until the task is cancelled.
    ///
    /// A cut counts once the server has closed its side too, or five seconds later: whatever the server made of what it
    /// was sent, it has done by then.
    public func waitForCut(count: Int = 1) async {
        let id = state.withLock { $0.nextID() }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isDue = state.withLock { state in
                    if state.counters.cuts >= count || Task.isCancelled { return true }
                    state.waiters[id] = (count, continuation)
                    return false
                }
                if isDue { continuation.resume() }
            }
        } onCancel: {
            state.withLock { $0.waiters.removeValue(forKey: id)?.continuation }?.resume()
        }
    }

    func countCut() {
        let due = state.withLock { state in
            state.counters.cuts += 1
            let ids = state.waiters.filter { $0.value.count <= state.counters.cuts }.keys
            return ids.compactMap { state.waiters.removeValue(forKey: $0)?.continuation }
        }
        for continuation in due { continuation.resume() }
    }
}
