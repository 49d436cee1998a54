import DequeModule

/// Which connections a pool has, who has them, and who waits for one.
///
/// It does no I/O and reads no clock: the pool tells it what happened and when, and carries out the actions it returns.
struct PoolStateMachine {
    /// Time since some fixed moment. (`ContinuousClock.Instant`, whose layout only the runtime knows, makes every copy of
    /// what holds one dear.)
    typealias Instant = Duration

    struct Limits: Sendable {
        var maximumConnections = 16
        var minimumConnections = 0
        var waitTimeout = Duration.seconds(10)
        var idleCheckAfter = Duration.seconds(30)
        var backoffBase = Duration.milliseconds(50)
        var backoffCap = Duration.seconds(5)
    }

    enum Action: Equatable {
        /// Connect after a random part of `delayCeiling`, then report.
        case connect(Int, delayCeiling: Duration)
        /// Give the connection to the waiter.
        case lend(Int, waiter: Int)
        /// Close the connection, which nobody uses.
        case close(Int)
        /// Find out whether the idle connection is alive, then report.
        case check(Int)
        case fail(waiter: Int, Failure)
        /// Call ``timeOut(now:)`` at this time.
        case setTimer(Instant)
        /// All connections are gone.
        case drained
    }

    enum Failure: Equatable {
        case timedOut
        case closed
        /// The server turned the pool down for good; see the last connect error.
        case refused
    }

    enum Connection: Equatable {
        case connecting
        case idle(since: Instant)
        case checking
        case leased
    }

    struct Waiter {
        var id: Int
        var deadline: Instant
    }

    let limits: Limits
    private(set) var connections: [Int: Connection] = [:]
    private(set) var leasedCount = 0
    private(set) var connectingCount = 0
    /// Idle connections, the most recently used one last; it is lent first, because the server has it in its caches.
    var idle: [Int] = []
    /// In order of arrival, and therefore of deadline. Those no longer in ``waiting`` are skipped.
    var waiters: Deque<Waiter> = []
    var waiting: Set<Int> = []
    var nextID = 0
    /// How many attempts to connect have failed in a row.
    var failures = 0
    var isTimerSet = false
    var isShutDown = false

    init(limits: Limits) {
        self.limits = limits
    }

    /// Notes what became of a connection; `nil` when it is gone. Returns what it was before.
    @discardableResult
    mutating func set(_ id: Int, _ connection: Connection?) -> Connection? {
        let previous = connections[id]
        connections[id] = connection
        leasedCount += (connection == .leased ? 1 : 0) - (previous == .leased ? 1 : 0)
        connectingCount += (connection == .connecting ? 1 : 0) - (previous == .connecting ? 1 : 0)
        return previous
    }

    /// Takes an idle connection, or returns `nil` when the caller has to wait.
    mutating func leaseIdle() -> Int? {
        guard !isShutDown, waiting.isEmpty, let id = idle.popLast() else { return nil }
        set(id, .leased)
        return id
    }

    /// Puts somebody in the queue.
    mutating func wait(_ waiter: Int, now: Instant) -> [Action] {
        guard !isShutDown else { return [.fail(waiter: waiter, .closed)] }
        waiters.append(Waiter(id: waiter, deadline: now + limits.waitTimeout))
        waiting.insert(waiter)
        return serveWaiters() + setTimer() + connectAsNeeded()
    }

    /// The waiter was cancelled. `false` when it was not waiting any more.
    mutating func cancelWaiter(_ waiter: Int) -> Bool {
        waiting.remove(waiter) != nil
    }

    /// Fails those whose time is up.
    mutating func timeOut(now: Instant) -> [Action] {
        isTimerSet = false
        var actions: [Action] = []
        while let first = waiters.first, first.deadline <= now || !waiting.contains(first.id) {
            waiters.removeFirst()
            if waiting.remove(first.id) != nil { actions.append(.fail(waiter: first.id, .timedOut)) }
        }
        return actions + setTimer()
    }

    /// A leased connection comes back.
    ///
    /// - Parameter isUsable: `false` when it is broken, or in a state that nobody else should find.
    mutating func release(_ id: Int, isUsable: Bool, now: Instant) -> [Action] {
        guard connections[id] == .leased else { return [] }
        guard isUsable, !isShutDown else { return [.close(id)] + remove(id) }
        return makeIdle(id, now: now)
    }

    /// The connection broke by itself, or a check found it broken.
    mutating func connectionClosed(_ id: Int) -> [Action] {
        // A leased one is removed when it is given back.
        guard let connection = connections[id], connection != .leased else { return [] }
        return remove(id)
    }

    mutating func makeIdle(_ id: Int, now: Instant) -> [Action] {
        set(id, .idle(since: now))
        idle.append(id)
        return serveWaiters()
    }

    mutating func remove(_ id: Int) -> [Action] {
        if case .idle? = set(id, nil) { idle.removeAll { $0 == id } }
        if isShutDown { return connections.isEmpty ? [.drained] : [] }
        return connectAsNeeded()
    }

    mutating func serveWaiters() -> [Action] {
        var actions: [Action] = []
        while let id = idle.last, let waiter = nextWaiter() {
            idle.removeLast()
            set(id, .leased)
            actions.append(.lend(id, waiter: waiter))
        }
        return actions
    }

    private mutating func nextWaiter() -> Int? {
        while let first = waiters.popFirst() {
            if waiting.remove(first.id) != nil { return first.id }
        }
        return nil
    }

    /// Connects for those who wait, up to the maximum, and for the minimum. While connecting fails, one attempt at a
    /// time is enough to find out when it works again.
    mutating func connectAsNeeded() -> [Action] {
        guard !isShutDown else { return [] }
        let connecting = connectingCount
        let missing = max(waiting.count - connecting, limits.minimumConnections - connections.count)
        var count = min(missing, limits.maximumConnections - connections.count)
        if failures > 0 { count = min(count, 1 - connecting) }
        guard count > 0 else { return [] }
        return (0..<count).map { _ in
            nextID += 1
            set(nextID, .connecting)
            return .connect(nextID, delayCeiling: backoffCeiling)
        }
    }

    /// No delay after a success; then the base, doubled with each failure, up to the cap.
    private var backoffCeiling: Duration {
        guard failures > 0 else { return .zero }
        return min(limits.backoffCap, limits.backoffBase * (1 << min(failures - 1, 16)))
    }

    private mutating func setTimer() -> [Action] {
        guard !isTimerSet, let first = waiters.first else { return [] }
        isTimerSet = true
        return [.setTimer(first.deadline)]
    }
}
