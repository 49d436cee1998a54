extension PoolStateMachine {
    /// Connects the minimum.
    mutating func start() -> [Action] {
        connectAsNeeded()
    }

    /// The time of an attempt to connect has come. `false` when it is not wanted any more.
    mutating func beginConnecting(_ id: Int, now: Instant) -> Bool {
        guard connections[id]?.isConnecting == true else { return false }
        set(id, .connecting(since: now))
        return true
    }

    mutating func connectSucceeded(_ id: Int, now: Instant) -> [Action] {
        hasConnected = true
        failures = 0
        failingSince = nil
        lastFailure = nil
        guard connections[id]?.isConnecting == true else { return [.close(id)] }
        guard !isShutDown, id > outdated else { return [.close(id)] + remove(id) }
        return makeIdle(id, now: now) + connectAsNeeded()
    }

    /// Once connecting has failed for a while, everybody who waits is told.
    ///
    /// - Parameter isRefusal: waiting will not help, so everybody who waits is told at once.
    mutating func connectFailed(_ id: Int, isRefusal: Bool, now: Instant) -> [Action] {
        failures += 1
        var began: Instant?
        if case .connecting(let since)? = connections[id] { began = since }
        failingSince = failingSince ?? began ?? now
        lastFailure = now
        var actions: [Action] = []
        if isRefusal {
            actions = failAll(.refused)
        } else if isDown(now: now) {
            actions = failAll(.unavailable)
        }
        guard connections[id]?.isConnecting == true else { return actions }
        return actions + remove(id)
    }

    /// Has connections checked that have been idle for long. They are not lent meanwhile.
    mutating func checkIdle(now: Instant) -> [Action] {
        var actions: [Action] = []
        for id in idle {
            guard case .idle(let since)? = connections[id], now - since >= limits.idleCheckAfter else {
                continue
            }
            set(id, .checking)
            actions.append(.check(id))
        }
        idle.removeAll { connections[$0] == .checking }
        return actions
    }

    mutating func checkSucceeded(_ id: Int, now: Instant) -> [Action] {
        guard connections[id] == .checking else { return [] }
        guard !isShutDown, id > outdated else { return [.close(id)] + remove(id) }
        return makeIdle(id, now: now)
    }

    /// Lends no more: waiters fail, idle connections are closed, leased ones when they come back.
    mutating func shutDown() -> [Action] {
        guard !isShutDown else { return [] }
        isShutDown = true
        var actions = failAll(.closed)
        for id in idle {
            set(id, nil)
            actions.append(.close(id))
        }
        idle.removeAll()
        return connections.isEmpty ? actions + [.drained] : actions
    }

    private mutating func failAll(_ failure: Failure) -> [Action] {
        defer {
            waiters.removeAll()
            waiting.removeAll()
        }
        return waiters.filter { waiting.contains($0.id) }.map { .fail(waiter: $0.id, failure) }
    }
}
