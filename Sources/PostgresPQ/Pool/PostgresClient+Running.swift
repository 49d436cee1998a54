import Dispatch
import Logging
import ServiceLifecycle
import Synchronization

extension PostgresClient {
    /// How long an idle connection may take to answer before it counts as dead.
    private static let checkTimeout = Duration.seconds(5)

    /// Makes connections and looks after them, until the task is cancelled or told to shut down gracefully.
    ///
    /// Then it lends no more, waits up to ``Configuration/shutdownTimeout`` for lent connections to come back, closes
    /// everything and returns. Call it once. It throws nothing; `throws` is the protocol's.
    public func run() async throws {
        let isFirst = state.withLock { state in
            defer { state.isRunning = true }
            return !state.isRunning
        }
        precondition(isFirst, "a client's run() is called once")
        update { $0.machine.start() }
        await withTaskCancellationOrGracefulShutdownHandler {
            await serveRequests()
        } onCancelOrGracefulShutdown: {
            self.beginShutdown()
        }
        beginShutdown()
        await drain()
    }

    private func serveRequests() async {
        await withDiscardingTaskGroup { group in
            group.addTask { await self.checkPeriodically() }
            for await request in requests {
                group.addTask { await self.serve(request) }
            }
            group.cancelAll()
        }
    }

    private func serve(_ request: PoolRequest) async {
        switch request {
        case .connect(let id, let delayCeiling):
            await connect(id, delayCeiling)
        case .check(let lease):
            await check(lease)
        }
    }

    private func connect(_ id: Int, _ delayCeiling: Duration) async {
        do {
            if delayCeiling > .zero { try await Task.sleep(for: delayCeiling * Double.random(in: 0...1)) }
            guard state.withLock({ $0.machine.beginConnecting(id, now: now) }) else { return }
            let connection = try await PostgresConnection.connect(connectionConfiguration, logger: logger) {
                let isServerLost = $0.isServerLost
                self.update { $0.connectionClosed(id, isServerLost: isServerLost) }
            }
            metrics.connected()
            adopt(connection, id)
        } catch {
            let failure = error as? PostgresError
            if let failure {
                logger.debug("Connecting to PostgreSQL failed", metadata: ["error": "\(failure)"])
            }
            update { state in
                state.lastConnectError = failure ?? state.lastConnectError
                return state.machine.connectFailed(id, isRefusal: failure?.isRefusal ?? false, now: now)
            }
        }
    }

    private var connectionConfiguration: PostgresConfiguration {
        needsWrites.load(ordering: .relaxed) ? configuration.connection.askingForWrites : configuration.connection
    }

    private func adopt(_ connection: PostgresConnection, _ id: Int) {
        update { state in
            state.connections[id] = connection
            state.lastConnectError = nil
            let actions = state.machine.connectSucceeded(id, now: now)
            // It may have broken before the pool knew it; then nobody will report it again.
            return connection.isClosed ? actions + state.connectionClosed(id) : actions
        }
    }

    /// Looks for connections that have been idle for too long.
    private func checkPeriodically() async {
        while (try? await Task.sleep(for: configuration.idleCheckAfter / 2)) != nil {
            update { $0.machine.checkIdle(now: self.now) }
        }
    }

    private func check(_ lease: Lease) async {
        let isAlive = await answersInTime(lease) { (try? await $0.query("SELECT 1")) != nil }
        update { state in
            isAlive
                ? state.machine.checkSucceeded(lease.id, now: now)
                : state.connectionClosed(lease.id)
        }
    }

    /// Whether the connection, which nobody uses, does what it is asked; one that does not answer is closed.
    func answersInTime(_ lease: Lease, _ body: (PostgresConnection) async -> Bool) async -> Bool {
        let timeout = DispatchWorkItem { lease.connection.terminate("an idle connection did not answer") }
        DispatchQueue.global().asyncAfter(deadline: .now() + Self.checkTimeout.timeInterval, execute: timeout)
        defer { timeout.cancel() }
        return await body(lease.connection)
    }

    private func beginShutdown() {
        update { $0.machine.shutDown() }
        requestContinuation.finish()
    }

    /// Waits until all connections are back, or closes those that are not back in time; then until all are closed.
    private func drain() async {
        let timeout = DispatchWorkItem {
            let lent = self.state.withLock { Array($0.connections.values) }
            for connection in lent { connection.terminate("the pool was shut down") }
            self.update { _ in [.drained] }
        }
        DispatchQueue.global().asyncAfter(
            deadline: .now() + configuration.shutdownTimeout.timeInterval, execute: timeout)
        await withCheckedContinuation { continuation in
            let isDrained = state.withLock { state in
                if !state.isDrained { state.drainWaiter = continuation }
                return state.isDrained
            }
            if isDrained { continuation.resume() }
        }
        timeout.cancel()
        let closing = state.withLock { state in
            defer { state.closing.removeAll() }
            return state.closing + state.connections.values
        }
        for connection in closing { await connection.close() }
    }
}
