import Logging
import Synchronization

/// Counts the open connections of a server, and refuses those over its limit.
final class ConnectionGate: Sendable {
    private struct State {
        var open = 0
        /// Connections refused since the last message about it.
        var refused = 0
        var toldAt: ContinuousClock.Instant?
    }

    /// A flood of connections is told of once in so long.
    private static let messagePause: Duration = .seconds(10)

    private let state = Mutex(State())
    private let limit: Int
    private let logger: Logger

    init(limit: Int, logger: Logger) {
        precondition(limit > 0, "a server takes at least one connection")
        self.limit = limit
        self.logger = logger
    }

    /// Takes a place for a connection.
    /// - Returns: Whether there was one; the connection gives it back with ``leave()``.
    func enter() -> Bool {
        let (isOpen, refused) = state.withLock { state -> (Bool, Int?) in
            if state.open < limit {
                state.open += 1
                return (true, nil)
            }
            state.refused += 1
            let now = ContinuousClock.now
            if let toldAt = state.toldAt, now - toldAt < Self.messagePause { return (false, nil) }
            defer { (state.toldAt, state.refused) = (now, 0) }
            return (false, state.refused)
        }
        if let refused {
            logger.warning(
                "connections are refused: as many are open as may be",
                metadata: ["limit": .stringConvertible(limit), "refused": .stringConvertible(refused)])
        }
        return isOpen
    }

    func leave() {
        state.withLock { $0.open -= 1 }
    }
}
