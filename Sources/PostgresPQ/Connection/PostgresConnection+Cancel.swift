import CLibPQ
import Dispatch
import Logging

extension PostgresConnection {
    /// Cancel requests block, so they have a queue of their own.
    private static let cancelQueue = DispatchQueue(label: "postgres.cancel", attributes: .concurrent)
    /// Behind requests that block, a limit on them would come too late.
    private static let timerQueue = DispatchQueue(label: "postgres.cancel.timer")
    /// How long the server may take to give up a cancelled statement before the connection is given up; a request to
    /// a host that has vanished would otherwise be waited for, for minutes.
    private static let cancelTimeout = DispatchTimeInterval.seconds(10)
    /// How often the server is told to end a process, and how long after each time that failed: a server that is busy for a
    /// moment must not be left with a statement that nobody waits for.
    private static let terminationAttempts = 3
    private static let terminationPause: Duration = .seconds(1)
    /// How long to wait before an ineffective cancel request is repeated.
    private static let cancelRetryInterval = DispatchTimeInterval.milliseconds(250)

    func cancel(_ job: Job) {
        perform(machine.cancel(job.unit.id))
    }

    func perform(_ action: PipelineStateMachine.CancelAction) {
        switch action {
        case .none:
            break
        case .remove(let unitID):
            if let running = jobs.removeValue(forKey: unitID) { finish(running, .removed) }
            startWaiting()
            closeIfDone()
        case .sendRequest:
            if let unitID = machine.cancellation?.unitID, machine.cancellation?.attempts == 1 {
                limitCancelling(unitID)
            }
            sendCancelRequest()
        }
    }

    private func limitCancelling(_ unitID: Int) {
        Self.timerQueue.asyncAfter(deadline: .now() + Self.cancelTimeout) { [weak self] in
            self?.onLoop { connection in
                guard connection.machine.isCancelling(unitID) else { return }
                connection.giveUpCancelling()
            }
        }
    }

    private func sendCancelRequest() {
        if wire.isEncrypted { cancelFromAside() } else { sendUnencryptedCancelRequest() }
    }

    private func sendUnencryptedCancelRequest() {
        guard let request = PQgetCancel(wire.pointer) else { return lose() }
        let address = UInt(bitPattern: request)
        Self.cancelQueue.async { [weak self] in
            var message = [CChar](repeating: 0, count: 256)
            let request = OpaquePointer(bitPattern: address)
            _ = PQcancel(request, &message, Int32(message.count))
            PQfreeCancel(request)
            self?.onLoop { $0.cancelRequestFinished() }
        }
    }

    private func cancelFromAside() {
        let side = sideConnection ?? SideConnection(beside: wire, configuration)
        sideConnection = side
        Task { [weak self] in
            let outcome = await side.perform(.cancel)
            guard let self else { return await side.close() }
            onLoop { connection in
                if outcome == .unknownProcess {
                    connection.lose("the server has no process of this connection's number to cancel a statement of")
                } else {
                    connection.cancelRequestFinished()
                }
            }
        }
    }

    private func cancelRequestFinished() {
        switch machine.cancelRequestFinished() {
        case .resume:
            closeSideConnection()
            perform(machine.cancelHead())
            startWaiting()
            closeIfDone()
        case .checkLater(let unitID):
            Self.timerQueue.asyncAfter(deadline: .now() + Self.cancelRetryInterval) { [weak self] in
                self?.onLoop { $0.repeatCancelRequest(unitID) }
            }
        }
    }

    private func repeatCancelRequest(_ unitID: Int) {
        guard let action = machine.repeatCancelRequest(unitID) else { return giveUpCancelling() }
        if machine.cancellation == nil { closeSideConnection() }
        perform(action)
    }

    /// Closes the connection, and has the server end its process: else the statement would run on there.
    private func giveUpCancelling() {
        // One of its own: the other may still be connecting, and closes what it finds when that fails.
        closeSideConnection()
        let side = SideConnection(beside: wire, configuration)
        let logger = logger
        Task {
            var outcome = await side.perform(.terminate)
            for _ in 1..<Self.terminationAttempts {
                guard case .failed = outcome else { break }
                try? await Task.sleep(for: Self.terminationPause)
                outcome = await side.perform(.terminate)
            }
            await side.close()
            guard case .failed(let reason) = outcome else { return }
            logger.warning(
                "A cancelled statement may still run on the server, which could not be told to end it",
                metadata: ["error": .string(reason)])
        }
        lose("a cancelled statement was not given up by the server")
    }

    func closeSideConnection() {
        guard let side = sideConnection else { return }
        sideConnection = nil
        Task { await side.close() }
    }
}
