import Foundation
import Logging
import PostgresPQ
import Waymark

/// Drives one line of a key forward while it holds the key's lease: performs what the state machine says, and commits it.
///
/// One task's alone. A class, because it is what every function that waits is about: as a value it is in all their frames,
/// and these are most of the memory that a waiting request takes.
final class Runner {
    let key: HeldKey
    var line: Line
    var machine: RunMachine
    var journal: Journal
    /// The branches of the group that the key is in, by their names.
    var branches: [String: BranchState]
    /// What was delivered to the key, as JSON.
    var events: [String: JSONValue]
    /// What the next step takes, where this process has it in memory.
    var current: (any Sendable)?
    /// The rejection that compensations lead to, or the answer once it is committed.
    var answer: StoredAnswer?
    /// Whether this runner has run a group: only the row knows the order in which its branches committed.
    var hasRunGroup = false
    /// When the recovery point was committed, on this machine's clock.
    var pointCommittedAt: ContinuousClock.Instant
    /// A call's result that is to commit with the phase after it: in memory the call is behind us, in the row it is not.
    var unrecorded: UnrecordedCall?
    /// Why the last attempt failed, for the row.
    var lastError: String?
    /// The place at the foreign service's gate for the call that was begun.
    var pass: Admission.Pass?
    var generator = SystemRandomNumberGenerator()

    var logger: Logger {
        var logger = engine.logger
        logger[metadataKey: "saga"] = .string(context.saga)
        logger[metadataKey: "key_id"] = .stringConvertible(context.id)
        logger[metadataKey: "fence"] = .stringConvertible(fence)
        return logger
    }

    var engine: Engine { key.engine }
    var saga: RegisteredSaga { key.saga }
    var plan: StepPlan { key.saga.declaration.plan }
    var context: KeyContext { key.context }
    var hold: Hold { key.hold }
    var fence: Int { key.fence }

    /// A runner for a key that is about to be accepted.
    init(engine: Engine, saga: RegisteredSaga, accepting request: AcceptedRequest, value: any Sendable, hold: Hold) {
        key = HeldKey(engine: engine, saga: saga, accepting: request, hold: hold)
        line = .main
        machine = RunMachine(
            declaration: saga.declaration, state: RunState(recoveryPoint: SagaDeclaration.started, attempts: 1))
        journal = Journal()
        branches = [:]
        events = [:]
        current = value
        pointCommittedAt = engine.clock.now()
    }

    /// A runner for a key that was claimed.
    /// - Throws: when what is stored cannot be read.
    init(
        engine: Engine, saga: RegisteredSaga, claimed row: ClaimedRow, at instant: ContinuousClock.Instant, hold: Hold
    ) throws {
        key = HeldKey(engine: engine, saga: saga, claimed: row, hold: hold)
        line = .main
        journal = try Journal(json: row.journal, plan: saga.declaration.plan)
        // A branch that has committed nothing is as old as its group; only one that we began has no age.
        branches = try JSONCoding.decode([String: BranchState].self, from: row.branches).mapValues { state in
            var state = state
            state.since = state.since ?? row.claimedAt - row.sincePoint.inSeconds
            return state
        }
        events = try Self.events(row.events)
        machine = RunMachine(
            declaration: saga.declaration,
            state: RunState(
                direction: row.direction, recoveryPoint: row.recoveryPoint, attempts: row.attempts,
                choices: journal.choices(saga.declaration.plan), done: journal.done))
        answer = row.pendingAnswer
        pointCommittedAt = instant - row.sincePoint
    }

    /// A runner for a branch of a group, with what its key's own runner has read and done.
    /// - Parameter input: what the branch's next step takes, where that is in memory.
    init(
        of line: Line, _ machine: RunMachine, on key: HeldKey, input: (any Sendable)?, journal: Journal,
        branches: [String: BranchState], events: [String: JSONValue], pointCommittedAt: ContinuousClock.Instant,
        lastError: String?
    ) {
        self.key = key
        self.line = line
        self.machine = machine
        self.journal = journal
        self.branches = branches
        self.events = events
        current = input
        self.pointCommittedAt = pointCommittedAt
        self.lastError = lastError
    }

    static func events(_ json: String) throws -> [String: JSONValue] {
        guard case .object(let events) = try JSONValue(parsing: json, depth: JSONCoding.storedDepth + 2) else {
            throw WaymarkError(.invalidJSON, "not an object", field: "events")
        }
        return events
    }

    var now: ContinuousClock.Instant { engine.clock.now() }

    var sincePoint: Duration { now - pointCommittedAt }

    /// Goes on with a key that is held, until it is answered, given back, parked or lost.
    func run() async -> Conclusion {
        await drive(machine.resume(sincePoint: sincePoint))
    }

    func drive(_ first: RunMachine.Action) async -> Conclusion {
        conclusion(of: await pursue(first))
    }

    func conclusion(of ending: Ending) -> Conclusion {
        guard case .concluded(let conclusion) = ending else {
            preconditionFailure("the key's own line ends with a conclusion")
        }
        return conclusion
    }

    /// How pursuing a line ended.
    enum Ending: Sendable {
        case concluded(Conclusion)
        indirect case branch(BranchEnd)
    }

    /// Where performing an action led.
    enum Progression {
        case next(RunMachine.Action)
        indirect case end(Ending)
    }

    func pursue(_ first: RunMachine.Action) async -> Ending {
        var action = first
        while true {
            let progression: Progression
            if case .perform(let work) = action {
                progression = await performAndSettle(work)
            } else {
                progression = await record(action)
            }
            switch progression {
            case .next(let next): action = next
            case .end(let ending): return ending
            }
        }
    }

    /// Whatever is done beside performing.
    @inline(never)
    private func record(_ action: RunMachine.Action) async -> Progression {
        switch action {
        case .perform: preconditionFailure("what is performed is settled")
        case .done: .end(ending)
        case .begin(let work): await begin(work)
        case .reconcile(let work): await reconcile(work)
        case .degrade(let work): await degrade(work)
        case .retry(let delay): await recordAttempt(waiting: delay)
        case .reject(let rejection, let finishes): await reject(rejection, finishes: finishes)
        case .release(let delay, let counted):
            await release(after: delay, attempts: machine.state.attempts - (counted ? 0 : 1))
        case .park(let reason): await park(reason)
        }
    }

    private var ending: Ending {
        guard line.isMain else {
            guard let value = try? result() else { return .branch(.parked(.unreadableState, "no result")) }
            return .branch(.finished(value: value, journal, done: machine.state.done))
        }
        guard let answer else { preconditionFailure("a finished key has an answer") }
        return .concluded(.answered(answer, replayed: false))
    }

    private func performAndSettle(_ work: Work) async -> Progression {
        // Whatever becomes of the work, its place at the service's gate is free again; leaving twice does nothing.
        defer {
            pass?.leave(.neither)
            pass = nil
        }
        if let end = await endBeforeStep(work) { return end }
        if work.direction == .forward, plan[work.step].isAwaited { return await goOn(with: work) }
        return await progression(beside: await settle(work), of: work)
    }

    /// Goes on with a step that is not tried but come back to.
    private func goOn(with work: Work) async -> Progression {
        switch plan[work.step].body {
        case .sleep(let wake): await wakeUp(work, wake)
        case .wait(let body): await receive(work, body)
        case .child(let body): await receive(work, body)
        case .parallel, .forEach: await runGroup(work)
        case .phase, .writes, .call, .choice: preconditionFailure("nothing is awaited")
        }
    }

    private func progression(beside settlement: Settlement, of work: Work) async -> Progression {
        if let end = await recordCall(beside: settlement) { return end }
        return await progression(of: work, settlement)
    }

    /// What a settled piece of work leads to.
    func progression(of work: Work, _ settlement: Settlement) async -> Progression {
        switch settlement {
        case .committed(let value, let mark):
            return .next(advance(past: work, with: value, mark: mark))
        case .called(let call):
            unrecorded = call
            return .next(advance(past: work, with: call.value))
        case .failed(let failure, let error):
            return .next(fail(work, failure, error))
        case .refused(let delay):
            return await release(after: delay, attempts: machine.state.attempts - 1)
        case .interrupted:
            return await interrupted()
        case .lost:
            return lost()
        case .unreachable(let error):
            return unreachable(error)
        }
    }

    /// Whether the line goes no further: the process stops, or a branch beside it was rejected.
    func endBeforeStep(_ work: Work) async -> Progression? {
        // With the call before it, it is one step.
        if unrecorded != nil { return nil }
        if engine.held.isStopping { return await handBack() }
        guard let stop = line.stop, stop.isSet, isFresh(work) else { return nil }
        return .end(.branch(.stopped))
    }

    /// Whether nothing of the work can have happened yet. A branch that was read from the row may have begun a call.
    private func isFresh(_ work: Work) -> Bool {
        if work.isBegun || machine.state.attempts > 1 { return false }
        if case .foreignCall = plan[work.step].kind { return plan[work.step].beginning != nil || current != nil }
        return true
    }

    /// The work is committed: what it returned is the next step's input.
    func advance(past work: Work, with value: StepValue, mark: JournalEntry.Mark? = nil) -> RunMachine.Action {
        let step = plan[work.step]
        var choice: String?
        if work.direction == .forward {
            if case .choice = step.kind {
                // What goes into a choice goes on to the way that was chosen.
                choice = value.value as? String
            } else {
                journal.record(value, of: FinishedStep(step: work.step, element: work.element))
                current = value.value
                if work.finishes, line.isMain {
                    answer = StoredAnswer(status: StoredAnswer.successStatus, body: value.json)
                }
            }
        }
        pointCommittedAt = now
        lastError = nil
        engine.metrics.commitStep()
        return machine.committed(work, choice: choice, counts: mark?.isUndoable ?? true)
    }

    func fail(_ work: Work, _ failure: StepFailure, _ error: String) -> RunMachine.Action {
        lastError = error
        let action = machine.failed(work, failure, sincePoint: sincePoint, using: &generator)
        log(work, "step failed", next: action)
        return action
    }

    func log(_ work: Work, _ message: Logger.Message, next: RunMachine.Action) {
        logger.info(
            message,
            metadata: [
                "step": .string(plan[work.step].name), "direction": .string(work.direction.rawValue),
                "attempt": .stringConvertible(machine.state.attempts), "next": .string(next.logName),
            ])
    }

    /// The task was cancelled: by the loss of the lease, or by a stop whose grace period is over.
    func interrupted() async -> Progression {
        hold.isLost ? lost() : await handBack()
    }

    /// Another runner has the key: nothing that this one does can be committed any more.
    func lost() -> Progression {
        guard line.isMain else { return .end(.branch(.lost)) }
        logger.notice("lease was lost", metadata: ["recovery_point": .string(machine.state.recoveryPoint)])
        engine.metrics.loseLease()
        return .end(.concluded(.lost))
    }

    /// The database was asked in vain; also when the question was cancelled because the lease is lost.
    func unreachable(_ error: PostgresError) -> Progression {
        if hold.isLost { return lost() }
        return .end(line.isMain ? .concluded(.unreachable(error)) : .branch(.unreachable(error)))
    }

    /// Gives the lease back without burning an attempt, for whoever is next.
    private func handBack() async -> Progression {
        line.isMain ? await release(after: .zero, attempts: machine.state.attempts - 1) : .end(.branch(.interrupted))
    }
}

extension DeclaredStep {
    /// Whether it is begun, and come back to when something has come or is over.
    fileprivate var isAwaited: Bool {
        switch body {
        case .sleep, .wait, .child, .parallel, .forEach: true
        case .phase, .writes, .call, .choice: false
        }
    }
}
