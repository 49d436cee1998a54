import CLibPQ
import Synchronization

extension PostgresConnection {
    /// Reads once, hands out answers, sends what has been waiting for them. Whatever is left to read, the end of the
    /// connection too, the event loop reports again, after others have had their turn.
    func becameReadable() {
        guard machine.phase != .closed else { return }
        let isAlive = PQconsumeInput(wire.pointer) == 1
        // Without an answer to come this makes libpq look at what it read: notices, and the server's farewell.
        if !machine.expectsAnswer {
            _ = PQisBusy(wire.pointer)
            // A server reports that it was made read-only to sessions that it has nothing else to say to.
            if configuration.settings["target_session_attrs"] == "read-write", isServerReadOnly == true {
                flags.isServerLost.store(true, ordering: .releasing)
                return lose("the server takes no writes any more")
            }
        }
        guard drain() else { return lose("the server's answer cannot be understood") }
        guard isAlive, !wire.isBroken else { return lose() }
        startWaiting()
        closeIfDone()
    }

    /// Takes all complete results out of libpq. `false` when they do not match what was sent.
    func drain() -> Bool {
        var isAfterEnd = false
        while machine.expectsAnswer, PQisBusy(wire.pointer) == 0 {
            guard let pointer = PQgetResult(wire.pointer) else {
                // A second end in a row: libpq has nothing to give, so wait for more input.
                if isAfterEnd { return true }
                isAfterEnd = true
                guard perform(machine.received(.end), nil) else { return false }
                continue
            }
            isAfterEnd = false
            let result = ResultBuffer(pointer)
            guard let answer = PipelineStateMachine.Answer(result.status) else {
                return refuse(result)
            }
            // libpq's own report of a broken connection answers nothing.
            if answer == .failure, wire.isBroken, PQresultErrorField(pointer, 0x43) == nil { return true }
            guard perform(machine.received(answer), result) else { return false }
        }
        return true
    }

    private func perform(_ action: PipelineStateMachine.Action, _ result: ResultBuffer?) -> Bool {
        switch action {
        case .none:
            return true
        case .giveUp:
            return false
        case .record(let unitID, let command):
            if let result, let running = jobs[unitID] { record(result, command, running) }
            return true
        case .recordCommitFailure(let unitID):
            // A deferred constraint, a conflict between serializable transactions, the end of the server's process.
            if let result { jobs[unitID]?.commitFailure = PostgresError(result: result.pointer, sql: nil) }
            return true
        case .complete(let unitID):
            complete(unitID)
            return true
        }
    }

    private func record(_ result: ResultBuffer, _ command: PipelineStateMachine.Command, _ running: RunningJob) {
        let isSkipped = result.status == PGRES_PIPELINE_ABORTED
        let isFailed = result.status == PGRES_FATAL_ERROR
        switch command {
        case .prepare(let index, let name):
            if isFailed || isSkipped {
                statements.forget(name)
                set(isFailed ? .failed(error(result, index, running)) : .skipped, index, running)
            } else {
                statements.prepared(name)
            }
        case .execute(let index, let name):
            guard isFailed || isSkipped else {
                if result.dropsStatements { statements.forgetAll() }
                return set(.rows(result), index, running)
            }
            guard isFailed else { return set(.skipped, index, running) }
            let error = error(result, index, running)
            if let name { forgetIfStale(name, error) }
            // Or else a statement has made its own transaction read-only.
            if error.sqlState == .readOnlyTransaction, isServerReadOnly ?? true {
                flags.isServerLost.store(true, ordering: .releasing)
            }
            set(.failed(error), index, running)
        }
    }

    /// The first failure of a statement stays: what follows it was only skipped.
    private func set(_ outcome: StatementOutcome, _ index: Int, _ running: RunningJob) {
        if case .failed = running.outcomes[index] { return }
        running.outcomes[index] = outcome
    }

    private func error(_ result: ResultBuffer, _ index: Int, _ running: RunningJob) -> PostgresError {
        let statement = running.sent.isEmpty ? running.job.statements[index] : running.sent[index]
        return PostgresError(result: result.pointer, sql: statement.query.sql)
    }

    /// The server says that it takes no writes. Servers do since version 14; nil for older ones, and through most poolers.
    private var isServerReadOnly: Bool? {
        let states = ["in_hot_standby", "default_transaction_read_only"].compactMap { wire.parameter($0) }
        // What a statement of this session has set is not the server's doing.
        if flags.isDirty.load(ordering: .relaxed) { return false }
        return states.isEmpty ? nil : states.contains("on")
    }

    /// After DISCARD ALL the server does not know the statement; after a change of the schema its plan is of no use.
    private func forgetIfStale(_ name: String, _ error: PostgresError) {
        if error.sqlState == .invalidStatementName { statements.forget(name) }
        if error.sqlState == .featureNotSupported { statements.forget(name, isOnServer: true) }
    }

    private func complete(_ unitID: Int) {
        flags.isInTransaction.store(
            PQtransactionStatus(wire.pointer) != PQTRANS_IDLE || machine.transaction != nil, ordering: .releasing)
        if let running = jobs.removeValue(forKey: unitID) {
            if running.job.unit.isScript, PQenterPipelineMode(wire.pointer) != 1 { lose() }
            finish(running, .answered)
        }
        perform(machine.cancelHead())
    }

    /// COPY and the like: this client cannot go on from there.
    private func refuse(_ result: ResultBuffer) -> Bool {
        lose("the server began something that this client cannot do, such as COPY")
        return true
    }
}

extension PipelineStateMachine.Answer {
    /// `nil` for results that this client does not know how to go on from.
    init?(_ status: ExecStatusType) {
        switch status {
        case PGRES_COMMAND_OK, PGRES_TUPLES_OK, PGRES_EMPTY_QUERY: self = .success
        case PGRES_FATAL_ERROR: self = .failure
        case PGRES_PIPELINE_ABORTED: self = .skipped
        case PGRES_PIPELINE_SYNC: self = .sync
        default: return nil
        }
    }
}
