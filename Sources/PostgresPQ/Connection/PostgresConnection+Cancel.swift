import CLibPQ
import Dispatch

extension PostgresConnection {
    /// Cancel requests block, so they have a queue of their own.
    private static let cancelQueue = DispatchQueue(label: "postgres.cancel", attributes: .concurrent)
    /// Behind requests that block, a limit on them would come too late.
    private static let timerQueue = DispatchQueue(label: "postgres.cancel.timer")
    /// How long the server may take to give up a cancelled statement before the connection is given up; a request to
    /// a host that has vanished would otherwise be waited for, for minutes.
    private static let cancelTimeout = DispatchTimeInterval.seconds(10)
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
                connection.lose("a cancelled statement was not given up by the server")
            }
        }
    }

    private func sendCancelRequest() {
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

    private func cancelRequestFinished() {
        switch machine.cancelRequestFinished() {
        case .resume:
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
        guard let action = machine.repeatCancelRequest(unitID) else {
            return lose("a cancelled statement was not given up by the server")
        }
        perform(action)
    }
}
