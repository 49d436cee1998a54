import DequeModule

extension PipelineStateMachine {
    /// What libpq handed out.
    enum Answer: Equatable {
        /// The command was carried out.
        case success
        /// The command failed, and those behind it, up to the Sync, will be skipped.
        case failure
        /// A command before this one failed, so the server skipped it.
        case skipped
        /// No more results for the command.
        case end
        /// The server has reached the Sync.
        case sync
    }

    /// What the connection has to do about an answer.
    enum Action: Equatable {
        /// Go on with the next answer.
        case none
        /// The result belongs to this command of this unit.
        case record(unitID: Int, Command)
        /// The commands of this unit succeeded, and what they did was not committed at its Sync.
        case recordCommitFailure(unitID: Int)
        /// The unit is answered.
        case complete(unitID: Int)
        /// The server and we have lost each other: close the connection.
        case giveUp
    }

    /// libpq handed out an answer; it belongs to the unit at the head of the queue.
    mutating func received(_ answer: Answer) -> Action {
        guard !inFlight.isEmpty else { return .giveUp }
        switch answer {
        case .success, .failure, .skipped:
            if answer != .success { inFlight[0].hasFailed = true }
            let unit = inFlight[0].unit
            if unit.isScript { return .record(unitID: unit.id, .execute(0, name: nil)) }
            let isAnswered = inFlight[0].isAnswered
            if answer == .failure, isAnswered { return .recordCommitFailure(unitID: unit.id) }
            guard !isAnswered, !inFlight[0].hasResult else { return .giveUp }
            inFlight[0].hasResult = true
            return .record(unitID: unit.id, inFlight[0].commands[inFlight[0].answered])
        case .end:
            return commandEnded()
        case .sync:
            guard !inFlight[0].unit.isScript, inFlight[0].isAnswered else { return .giveUp }
            return complete()
        }
    }

    private mutating func commandEnded() -> Action {
        if inFlight[0].unit.isScript { return complete() }
        guard inFlight[0].hasResult else { return .none }
        inFlight[0].hasResult = false
        inFlight[0].answered += 1
        return .none
    }

    private mutating func complete() -> Action {
        let head = inFlight.removeFirst()
        if head.unit.endsTransaction, !head.hasFailed, head.unit.transaction == transaction {
            endTransaction()
        }
        if let running = cancellation, running.unitID == head.unit.id, !running.isRequestRunning {
            cancellation = nil
        }
        return .complete(unitID: head.unit.id)
    }
}
