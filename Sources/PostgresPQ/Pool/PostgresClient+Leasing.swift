import Dispatch
import Logging
import Synchronization

extension PostgresClient {
    private static let timerQueue = DispatchQueue(label: "postgres.pool.timer")

    /// Takes a connection out of the pool, waiting for one if need be.
    func lease() async throws -> Lease {
        while let lease = state.withLock({ $0.leaseIdle() }) {
            if !lease.connection.isClosed { return lease }
            release(lease)
        }
        let start = now
        let waiter = state.withLock { $0.makeWaiterID() }
        let lease = try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                enqueue(waiter, continuation)
            }
        } onCancel: {
            let continuation = state.withLock { state in
                state.machine.cancelWaiter(waiter) ? state.waiters.removeValue(forKey: waiter) : nil
            }
            continuation?.resume(throwing: CancellationError())
        }
        metrics.waited(now - start)
        return lease
    }

    private func enqueue(_ waiter: Int, _ continuation: CheckedContinuation<Lease, any Error>) {
        update { state in
            // Under the lock, a cancellation has either been noticed here or will find the waiter in the queue.
            guard !Task.isCancelled else {
                return ([], { continuation.resume(throwing: CancellationError()) })
            }
            state.waiters[waiter] = continuation
            return (state.machine.wait(waiter, now: now), nil)
        }
    }

    /// Gives a connection back, once what statements have set in its session is undone.
    func release(_ lease: Lease) {
        let flags = lease.connection.flags
        let isInTransaction = flags.isInTransaction.load(ordering: .acquiring)
        if isInTransaction { logger.info("A connection came back inside a transaction and is closed") }
        let isUsable =
            !isInTransaction && !flags.isClosed.load(ordering: .acquiring) && !lease.connection.isServerLost
        guard isUsable, flags.isDirty.load(ordering: .acquiring) else { return release(lease, isUsable: isUsable) }
        Task {
            let isClean = await answersInTime(lease) { await $0.resetSession() }
            release(lease, isUsable: isClean)
        }
    }

    private func release(_ lease: Lease, isUsable: Bool) {
        let isServerLost = lease.connection.isServerLost
        update { state in
            let actions = isServerLost ? state.machine.serverLost(lease.id) : []
            return actions + state.machine.release(lease.id, isUsable: isUsable, now: now)
        }
    }

    /// The time on the pool's clock.
    var now: PoolStateMachine.Instant { start.duration(to: .now) }

    func update(_ change: (inout PoolState) -> [PoolStateMachine.Action]) {
        update { state in (change(&state), nil) }
    }

    /// Changes the state, and carries out what follows from it: first under the lock what only looks things up, then,
    /// without the lock, what others will hear of.
    private func update(_ change: (inout PoolState) -> ([PoolStateMachine.Action], (() -> Void)?)) {
        let effects = state.withLock { state in
            let (actions, effect) = change(&state)
            var effects = actions.compactMap { self.effect(of: $0, &state) }
            if let effect { effects.append(effect) }
            metrics.record(&state)
            return Effects(run: effects)
        }
        for effect in effects.run { effect() }
    }

    /// Carries the closures out of the lock.
    // Safe to send: they are made and run by the same call.
    private struct Effects: @unchecked Sendable {
        let run: [() -> Void]
    }

    private func effect(of action: PoolStateMachine.Action, _ state: inout PoolState) -> (() -> Void)? {
        switch action {
        case .connect(let id, let delayCeiling):
            return { self.requestContinuation.yield(.connect(id, delayCeiling: delayCeiling)) }
        case .check(let id):
            guard let connection = state.connections[id] else { return nil }
            return { self.requestContinuation.yield(.check(Lease(id: id, connection: connection))) }
        case .lend(let id, let waiter):
            guard let continuation = state.waiters.removeValue(forKey: waiter) else {
                preconditionFailure("a waiter has a continuation")
            }
            guard let connection = state.connections[id] else { preconditionFailure("a lent connection exists") }
            return { continuation.resume(returning: Lease(id: id, connection: connection)) }
        case .close(let id):
            guard let connection = state.connections.removeValue(forKey: id) else { return nil }
            state.closing.removeAll { $0.isClosed }
            state.closing.append(connection)
            return { connection.terminate("the pool closed the connection") }
        case .fail(let waiter, let failure):
            guard let continuation = state.waiters.removeValue(forKey: waiter) else { return nil }
            let error = state.error(failure, configuration.waitTimeout)
            return { continuation.resume(throwing: error) }
        case .setTimer(let deadline):
            return { self.setTimer(deadline) }
        case .drained:
            state.isDrained = true
            let waiter = state.drainWaiter
            state.drainWaiter = nil
            return { waiter?.resume() }
        }
    }

    private func setTimer(_ deadline: PoolStateMachine.Instant) {
        let delay = deadline - now
        Self.timerQueue.asyncAfter(deadline: .now() + max(delay.timeInterval, 0)) { [weak self] in
            guard let self else { return }
            update { $0.machine.timeOut(now: self.now) }
        }
    }
}

extension PoolState {
    /// An idle connection that is still open, if nobody was here before.
    mutating func leaseIdle() -> Lease? {
        guard let id = machine.leaseIdle() else { return nil }
        guard let connection = connections[id] else { preconditionFailure("an idle connection exists") }
        return Lease(id: id, connection: connection)
    }
}
