import CLibPQ
import Logging
import Synchronization

extension PostgresConnection {
    /// Connects; `onClose` is called once, when the connection has become unusable for whatever reason.
    static func connect(
        _ configuration: PostgresConfiguration,
        logger: Logger,
        onClose: @escaping @Sendable (PostgresConnection) -> Void
    ) async throws -> PostgresConnection {
        let loop = EventLoop.next()
        let notices = NoticeSink(logger: logger)
        let wire = try await ServerSearch(configuration: configuration, loop: loop, notices: notices).run()
        let connection = PostgresConnection(
            wire: wire, configuration: configuration, logger: logger, onClose: onClose)
        connection.onLoop { $0.activate() }
        return connection
    }

    private func activate() {
        wire.watch { [weak self] in
            self?.assumeIsolated { $0.becameReadable() }
        }
    }

    /// Refuses new work, and closes when the accepted work is answered.
    func beginClosing(_ waiter: CheckedContinuation<Void, Never>) {
        if machine.phase == .closed {
            wire.shutDown { waiter.resume() }
            return
        }
        closeWaiters.append(waiter)
        flags.isClosed.store(true, ordering: .releasing)
        machine.close()
        closeIfDone()
    }

    func closeIfDone() {
        guard machine.phase == .closing, machine.isIdle, machine.transaction == nil else { return }
        lose("the connection is closed")
    }

    /// Closes the connection at once; what is not answered yet fails with ``PostgresError/Code/connectionLost``.
    nonisolated func terminate(_ reason: String) {
        onLoop { $0.lose(reason) }
    }

    /// Ends the connection: everything unanswered fails, the socket is closed, the pool is told.
    func lose(_ reason: String? = nil) {
        guard machine.phase != .closed else { return }
        let error = wire.lossError(reason)
        // What we close ourselves says nothing about the server.
        if reason == nil, error.isOfServer { flags.isServerLost.store(true, ordering: .releasing) }
        flags.isClosed.store(true, ordering: .releasing)
        for (unit, isSent) in machine.connectionLost() {
            guard let running = jobs.removeValue(forKey: unit.id) else { continue }
            finish(running, .lost(error, isSent: isSent))
        }
        closeSideConnection()
        onClose(self)
        let waiters = closeWaiters
        closeWaiters.removeAll()
        wire.shutDown {
            for waiter in waiters { waiter.resume() }
        }
    }
}
