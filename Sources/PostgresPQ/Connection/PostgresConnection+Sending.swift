import CLibPQ
import Synchronization

extension PostgresConnection {
    /// Sends what may be sent now.
    func startWaiting() {
        deallocateEvicted()
        while let unit = machine.startNext() {
            let isSent = unit.isScript ? sendScript(unit) : send(unit)
            guard isSent else { return loseAfterReading() }
        }
        flush()
    }

    /// Hands a unit to libpq, which writes it at the Sync.
    private func send(_ unit: PipelineStateMachine.Unit) -> Bool {
        guard let running = jobs[unit.id] else { preconditionFailure("a started unit has a job") }
        let prefix = running.job.scope?.takePrefix() ?? []
        let sent = prefix.isEmpty ? running.job.statements : prefix + running.job.statements
        running.sent = sent
        running.outcomes = Array(repeating: .unanswered, count: sent.count)
        var commands: [PipelineStateMachine.Command] = []
        commands.reserveCapacity(sent.count)
        var isSent = true
        for (index, statement) in sent.enumerated() where isSent {
            isSent = send(statement, at: index, of: unit.id, &commands)
        }
        machine.started(commands)
        return isSent && PQpipelineSync(wire.pointer) == 1
    }

    /// Hands a statement to libpq. One that leaves something in the session is never prepared, and noticed here.
    private func send(
        _ statement: Statement,
        at index: Int,
        of unitID: Int,
        _ commands: inout [PipelineStateMachine.Command]
    ) -> Bool {
        let plan = statement.isPrepared ? statements.plan(statement.query, unit: unitID) : .unprepared
        switch plan {
        case .unprepared:
            if statement.query.sessionEffect == .session { flags.isDirty.store(true, ordering: .releasing) }
            commands.append(.execute(index, name: nil))
            return wire.sendUnprepared(statement.query)
        case .execute(let name):
            commands.append(.execute(index, name: name))
            return wire.sendPrepared(name, statement.query)
        case .prepare(let name):
            commands.append(.prepare(index, name: name))
            commands.append(.execute(index, name: name))
            return wire.sendPrepare(name, statement.query) && wire.sendPrepared(name, statement.query)
        }
    }

    /// A script goes through the simple protocol, outside pipeline mode.
    private func sendScript(_ unit: PipelineStateMachine.Unit) -> Bool {
        guard let running = jobs[unit.id] else { preconditionFailure("a started unit has a job") }
        running.outcomes = [.unanswered]
        machine.started([])
        // Scripts, dumps for one, set what they like.
        flags.isDirty.store(true, ordering: .releasing)
        return PQexitPipelineMode(wire.pointer) == 1
            && PQsendQuery(wire.pointer, running.job.statements[0].query.sql) == 1
    }

    /// Drops statements that the cache has no room for, in a unit of their own, never inside a transaction: there a
    /// failure would do harm.
    private func deallocateEvicted() {
        guard machine.phase == .open, machine.transaction == nil, machine.isIdle,
            !flags.isInTransaction.load(ordering: .relaxed)
        else { return }
        for name in statements.takeEvicted() {
            let unit = PipelineStateMachine.Unit(id: flags.takeUnitID())
            guard machine.enqueue(unit) else { return }
            let statement = Statement(PostgresQuery(unsafeSQL: "DEALLOCATE \(name)"), isPrepared: false)
            jobs[unit.id] = RunningJob(Job(unit: unit, statements: [statement])) { [weak self] outcome in
                guard case .answered = outcome.end, case .failed = outcome.statements[0] else { return }
                self?.onLoop { $0.statements.putBack(evicted: [name]) }
            }
        }
    }

    /// Writes until everything is written or the socket is full; in that case goes on when it is writable, or readable.
    func flush() {
        guard machine.phase != .closed else { return }
        switch PQflush(wire.pointer) {
        case 0:
            if isFlushing { wire.stopWaitingForWritable() }
            isFlushing = false
        case 1:
            if !isFlushing {
                wire.waitForWritable { [weak self] in
                    self?.assumeIsolated { $0.flush() }
                }
            }
            isFlushing = true
        default:
            return loseAfterReading()
        }
        // To avoid a deadlock libpq reads when it cannot write, here and while it is handed statements; the socket does not
        // report that again.
        if machine.expectsAnswer, PQisBusy(wire.pointer) == 0 { onLoop { $0.becameReadable() } }
    }

    /// What the server said before the end is still to be read.
    private func loseAfterReading() {
        _ = PQconsumeInput(wire.pointer)
        _ = drain()
        lose()
    }
}
