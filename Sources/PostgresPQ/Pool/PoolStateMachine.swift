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
        var outageTimeout = Duration.seconds(1)
        var idleCheckAfter = Duration.seconds(30)
        var backoffBase = Duration.milliseconds(50)
        var backoffCap = Duration.seconds(1)
    }

    enum Action: Equatable {
        /// Connect after a random part of `delayCeiling`, if ``beginConnecting(_:now:)`` then still wants it; report.
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
        /// No connection can be made, and that has been so for a while; see the last connect error.
        case unavailable
        /// The server turned the pool down for good; see the last connect error.
        case refused
    }

    enum Connection: Equatable {
        /// To be made once its time has come.
        case delayed
        /// Being made; nil while that has not begun.
        case connecting(since: Instant?)
        case idle(since: Instant)
        case checking
        case leased

        /// It is being made, or to be made.
        var isConnecting: Bool {
            switch self {
            case .delayed, .connecting: true
            case .idle, .checking, .leased: false
            }
        }
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
    /// In order of arrival. Those no longer in ``waiting`` are skipped.
    var waiters: Deque<Waiter> = []
    var waiting: Set<Int> = []
    var nextID = 0
    /// How many attempts to connect have failed in a row.
    var failures = 0
    /// There was a connection once.
    var hasConnected = false
    /// When the first of them began, and when the last one ended.
    var failingSince: Instant?
    var lastFailure: Instant?
    /// The connections up to this number lead to a server that is away, or takes no writes any more.
    var outdated = 0
    /// Lent, and broken.
    var broken: Set<Int> = []
    var timer: Instant?
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
        connectingCount += (connection?.isConnecting == true ? 1 : 0) - (previous?.isConnecting == true ? 1 : 0)
        if connection == nil { broken.remove(id) }
        return previous
    }

    /// Takes an idle connection, or returns `nil` when the caller has to wait.
    mutating func leaseIdle() -> Int? {
        guard !isShutDown, waiting.isEmpty, let id = idle.popLast() else { return nil }
        set(id, .leased)
        return id
    }

    /// Puts somebody in the queue.
    ///
    /// While the database is known to be away, it is found out at once whether it is back, and nobody waits for longer than
    /// that takes.
    mutating func wait(_ waiter: Int, now: Instant) -> [Action] {
        guard !isShutDown else { return [.fail(waiter: waiter, .closed)] }
        let isDown = isDown(now: now)
        if isDown, let lastFailure, now - lastFailure < limits.backoffBase {
            return [.fail(waiter: waiter, .unavailable)]
        }
        let patience = isDown ? min(limits.waitTimeout, limits.outageTimeout) : limits.waitTimeout
        let deadline = now + patience
        waiters.append(Waiter(id: waiter, deadline: deadline))
        waiting.insert(waiter)
        if isDown { abandonDelayed() }
        return serveWaiters() + setTimer(deadline) + connectAsNeeded(atOnce: isDown)
    }

    /// Connecting has failed for a while, and no connection is left of those that worked. A database that is started together
    /// with the process is given as long as anybody waits.
    func isDown(now: Instant) -> Bool {
        guard let failingSince, connections.count - connectingCount - broken.count <= 0 else { return false }
        let longest = hasConnected ? limits.outageTimeout : max(limits.outageTimeout, limits.waitTimeout)
        return now - failingSince >= longest
    }

    /// The waiter was cancelled. `false` when it was not waiting any more.
    mutating func cancelWaiter(_ waiter: Int) -> Bool {
        waiting.remove(waiter) != nil
    }

    /// Fails those whose time is up.
    mutating func timeOut(now: Instant) -> [Action] {
        // Also where it rang a little early: another one is set for the rest.
        timer = nil
        var actions: [Action] = []
        // During an outage waiters have less time, so the first is not always the first to be due.
        for waiter in waiters where waiter.deadline <= now && waiting.remove(waiter.id) != nil {
            actions.append(.fail(waiter: waiter.id, isDown(now: now) ? .unavailable : .timedOut))
        }
        waiters.removeAll { !waiting.contains($0.id) }
        guard let next = waiters.lazy.map(\.deadline).min() else { return actions }
        return actions + setTimer(next)
    }

    /// A leased connection comes back.
    ///
    /// - Parameter isUsable: `false` when it is broken, or in a state that nobody else should find.
    mutating func release(_ id: Int, isUsable: Bool, now: Instant) -> [Action] {
        guard connections[id] == .leased else { return [] }
        guard isUsable, id > outdated, !isShutDown else { return [.close(id)] + remove(id) }
        return makeIdle(id, now: now)
    }

    /// The connection broke by itself, or a check found it broken.
    mutating func connectionClosed(_ id: Int) -> [Action] {
        guard let connection = connections[id] else { return [] }
        // A leased one is removed when it is given back.
        if connection == .leased {
            broken.insert(id)
            return []
        }
        return remove(id)
    }

    /// The connection has found its server away, or taking no writes any more: those made before lead to the same one, so
    /// they are closed, the lent ones when they come back.
    mutating func serverLost(_ id: Int) -> [Action] {
        // One of those that are being closed already has nothing new to say.
        guard id > outdated else { return [] }
        outdated = nextID
        let dropped = idle
        idle.removeAll()
        for id in dropped { set(id, nil) }
        return dropped.map { .close($0) } + connectAsNeeded()
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
    ///
    /// - Parameter atOnce: without the delay after a failure.
    mutating func connectAsNeeded(atOnce: Bool = false) -> [Action] {
        guard !isShutDown else { return [] }
        let connecting = connectingCount
        let missing = max(waiting.count - connecting, limits.minimumConnections - connections.count)
        var count = min(missing, limits.maximumConnections - connections.count)
        if failures > 0 { count = min(count, 1 - connecting) }
        guard count > 0 else { return [] }
        return (0..<count).map { _ in
            nextID += 1
            let ceiling = atOnce ? .zero : backoffCeiling
            set(nextID, ceiling > .zero ? .delayed : .connecting(since: nil))
            return .connect(nextID, delayCeiling: ceiling)
        }
    }

    /// Forgets the attempts to connect that wait for their time, so that another may be made at once.
    private mutating func abandonDelayed() {
        for (id, connection) in connections where connection == .delayed { set(id, nil) }
    }

    /// No delay after a success; then the base, doubled with each failure, up to the cap.
    private var backoffCeiling: Duration {
        guard failures > 0 else { return .zero }
        return min(limits.backoffCap, limits.backoffBase * (1 << min(failures - 1, 16)))
    }

    /// Sets the timer, unless it is set for an earlier time.
    private mutating func setTimer(_ deadline: Instant) -> [Action] {
        guard deadline < timer ?? .seconds(Int64.max) else { return [] }
        timer = deadline
        return [.setTimer(deadline)]
    }
}
