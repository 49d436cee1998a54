/// A connection of the pool, lent to somebody.
struct Lease: Sendable {
    var id: Int
    var connection: PostgresConnection
}

/// What the pool asks of ``PostgresClient/run()``.
enum PoolRequest: Sendable {
    case connect(Int, delayCeiling: Duration)
    case check(Lease)
}

/// The pool's state machine with the things that its numbers stand for.
struct PoolState {
    var machine: PoolStateMachine
    var connections: [Int: PostgresConnection] = [:]
    var waiters: [Int: CheckedContinuation<Lease, any Error>] = [:]
    var lastConnectError: PostgresError?
    var isRunning = false
    var isDrained = false
    var drainWaiter: CheckedContinuation<Void, Never>?
    /// Connections that were told to close and may not have finished.
    var closing: [PostgresConnection] = []
    private var waiterCount = 0

    init(_ configuration: PostgresClient.Configuration) {
        machine = PoolStateMachine(
            limits: .init(
                maximumConnections: configuration.maximumConnections,
                minimumConnections: configuration.minimumConnections,
                waitTimeout: configuration.waitTimeout,
                outageTimeout: configuration.outageTimeout,
                idleCheckAfter: configuration.idleCheckAfter,
                backoffBase: configuration.reconnectBackoffBase,
                backoffCap: configuration.reconnectBackoffCap))
    }

    /// A connection broke. One that is lent is still needed when it comes back.
    ///
    /// - Parameter isServerLost: the others of the pool that lead to the same server are of no use either.
    mutating func connectionClosed(_ id: Int, isServerLost: Bool = false) -> [PoolStateMachine.Action] {
        // First of all what leads to the lost server is given up: what is made in its place does not.
        let actions = (isServerLost ? machine.serverLost(id) : []) + machine.connectionClosed(id)
        if machine.connections[id] == nil { connections[id] = nil }
        return actions
    }

    mutating func makeWaiterID() -> Int {
        waiterCount += 1
        return waiterCount
    }

    func error(_ failure: PoolStateMachine.Failure, _ timeout: Duration) -> PostgresError {
        switch failure {
        case .closed:
            return PostgresError(.poolClosed, "the pool is shut down")
        case .refused, .unavailable:
            return lastConnectError ?? PostgresError(.connectFailed, "no connection to the server can be made")
        case .timedOut:
            let hint = isRunning ? "" : "; the client's run() has not been started"
            let counts = "\(machine.leasedCount) lent, \(machine.connectingCount) being made"
            return PostgresError(
                .poolTimeout, "no connection came free within \(timeout) (\(counts))\(hint)",
                underlying: lastConnectError)
        }
    }
}
