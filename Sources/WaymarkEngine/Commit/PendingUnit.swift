import Synchronization

/// A unit on its way through the coalescer, and the runner that waits for it.
final class PendingUnit: Sendable {
    let unit: CommitUnit

    private enum Place {
        /// Beside other units, for a moment: the runner waits even where it is cancelled.
        case shared
        /// In a queue of units that run alone.
        case queued(deadline: Int)
        /// In a transaction of its own.
        case running(Task<Void, any Error>)
        /// The runner has its result.
        case over
    }

    private struct State {
        var place = Place.shared
        var isCancelled = false
        var waiter: CheckedContinuation<Result<Void, any Error>, Never>?
    }

    private let state = Mutex(State())

    init(_ unit: CommitUnit) { self.unit = unit }

    /// Waits for the result of the unit, which `submit` hands over.
    ///
    /// A cancellation reaches the unit only once it is alone: what it shares with others is over in a moment.
    func result(_ submit: () -> Void) async -> Result<Void, any Error> {
        await withTaskCancellationHandler {
            await withCheckedContinuation { waiter in
                state.withLock { $0.waiter = waiter }
                submit()
            }
        } onCancel: {
            cancel()
        }
    }

    func resume(_ result: Result<Void, any Error>) {
        let waiter = state.withLock { state in
            if case .queued(let deadline) = state.place { _ = Deadlines.shared.remove(deadline) }
            state.place = .over
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume(returning: result)
    }

    private func cancel() {
        let (task, isQueued) = state.withLock { state -> (Task<Void, any Error>?, Bool) in
            state.isCancelled = true
            switch state.place {
            case .running(let task): return (task, false)
            case .queued: return (nil, true)
            case .shared, .over: return (nil, false)
            }
        }
        task?.cancel()
        if isQueued { resume(.failure(CancellationError())) }
    }

    /// Notes that the unit waits until it can run alone, for `patience` at most.
    /// - Returns: Whether the runner still wants it.
    func queue(for patience: Duration) -> Bool {
        let deadline = Deadlines.shared.add(after: patience) { [weak self] in self?.resume(.failure(StepTimeout())) }
        let isWanted = state.withLock { state in
            // Its time may be over already.
            if case .over = state.place { return false }
            if !state.isCancelled { state.place = .queued(deadline: deadline) }
            return !state.isCancelled
        }
        if !isWanted {
            _ = Deadlines.shared.remove(deadline)
            resume(.failure(CancellationError()))
        }
        return isWanted
    }

    /// Runs the unit alone, unless the runner does not wait for it any more.
    /// - Returns: nil where it does not.
    func run(_ commit: @escaping @Sendable () async throws -> Void) async -> Result<Void, any Error>? {
        let task: Task<Void, any Error>? = state.withLock { state in
            guard case .queued(let deadline) = state.place else { return nil }
            _ = Deadlines.shared.remove(deadline)
            let task = Task(operation: commit)
            state.place = .running(task)
            return task
        }
        return await task?.result
    }
}
