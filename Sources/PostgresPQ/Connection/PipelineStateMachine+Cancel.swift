import DequeModule

extension PipelineStateMachine {
    enum CancelAction: Equatable {
        case none
        /// The unit was not sent yet and is taken back.
        case remove(unitID: Int)
        /// Ask the server to cancel what it is running, then call ``cancelRequestFinished()``.
        case sendRequest
    }

    enum AfterCancelRequest: Equatable {
        /// The target is answered; other units may start.
        case resume
        /// The target is still running: call ``repeatCancelRequest()`` in a moment.
        case checkLater(unitID: Int)
    }

    /// The caller of this unit no longer wants it.
    mutating func cancel(_ unitID: Int) -> CancelAction {
        if let index = waiting.firstIndex(where: { $0.id == unitID }) {
            waiting.remove(at: index)
            return .remove(unitID: unitID)
        }
        if let index = waitingInTransaction.firstIndex(where: { $0.id == unitID }) {
            waitingInTransaction.remove(at: index)
            return .remove(unitID: unitID)
        }
        guard let index = inFlight.firstIndex(where: { $0.unit.id == unitID }) else { return .none }
        inFlight[index].isCancelWanted = true
        return cancelHead()
    }

    /// Starts cancelling the unit that the server is working on, if that is wanted and can hit no other.
    ///
    /// Call it when a unit has been completed: its successor may have been waiting to be cancelled.
    mutating func cancelHead() -> CancelAction {
        guard cancellation == nil, let head = inFlight.first, head.isCancelWanted, canBeCancelledAlone(head) else {
            return .none
        }
        cancellation = Cancellation(unitID: head.unit.id)
        return .sendRequest
    }

    /// A cancel request has no address but the connection: it hits whatever runs when it arrives. Only statements of
    /// the same transaction, which fails as a whole, may be behind the target; never the one that ends it.
    private func canBeCancelledAlone(_ head: InFlight) -> Bool {
        guard !head.unit.endsTransaction else { return false }
        return inFlight.dropFirst().allSatisfy { other in
            head.unit.transaction != nil && other.unit.transaction == head.unit.transaction
                && !other.unit.endsTransaction
        }
    }

    /// The server has closed the cancel request's connection: the request can hit nothing any more.
    mutating func cancelRequestFinished() -> AfterCancelRequest {
        guard var running = cancellation else { return .resume }
        guard inFlight.first?.unit.id == running.unitID else {
            cancellation = nil
            return .resume
        }
        running.isRequestRunning = false
        cancellation = running
        return .checkLater(unitID: running.unitID)
    }

    /// The unit is still being cancelled: asked some seconds after the first request, this means to give up.
    func isCancelling(_ unitID: Int) -> Bool {
        cancellation?.unitID == unitID && inFlight.first?.unit.id == unitID
    }

    /// Repeats a request that found the server between two commands of the unit.
    ///
    /// Returns `.none` when it is no longer needed, and `nil` when the connection has to be given up.
    mutating func repeatCancelRequest(_ unitID: Int) -> CancelAction? {
        guard var running = cancellation, running.unitID == unitID, !running.isRequestRunning else {
            return .some(.none)
        }
        guard running.attempts < Self.cancelAttemptLimit else { return nil }
        running.attempts += 1
        running.isRequestRunning = true
        cancellation = running
        return .sendRequest
    }
}
