import Foundation
import Logging
import PostgresPQ
import Waymark

/// Drives one line of a key forward while it holds the key's lease: performs what the state machine says, and commits it.
struct Runner {
    let engine: Engine
    let saga: RegisteredSaga
    let context: KeyContext
    let hold: Hold
    /// The request as it is stored, and the version of the saga that accepted it.
    let request: String
    let version: Int
    /// What this key's answer is called by the key that waits for it.
    let parentEvent: String?
    let fence: Int
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
    /// The database's clock at a moment of this machine's, once a claim told.
    let databaseClock: (seconds: Double, at: ContinuousClock.Instant)?
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

    var plan: StepPlan { saga.declaration.plan }

    /// A runner for a key that is about to be accepted.
    init(engine: Engine, saga: RegisteredSaga, accepting request: AcceptedRequest, value: any Sendable, hold: Hold) {
        self.engine = engine
        self.saga = saga
        self.context = request.context
        self.hold = hold
        self.request = request.json
        version = request.sagaVersion
        parentEvent = nil
        fence = request.context.firstFence
        line = .main
        machine = RunMachine(
            declaration: saga.declaration, state: RunState(recoveryPoint: SagaDeclaration.started, attempts: 1))
        journal = Journal()
        branches = [:]
        events = [:]
        current = value
        pointCommittedAt = engine.clock.now()
        databaseClock = nil
    }

    /// A runner for a key that was claimed.
    /// - Throws: when what is stored cannot be read.
    init(
        engine: Engine, saga: RegisteredSaga, claimed row: ClaimedRow, at instant: ContinuousClock.Instant, hold: Hold
    ) throws {
        self.engine = engine
        self.saga = saga
        context = row.context
        self.hold = hold
        request = row.request
        version = row.version
        parentEvent = row.parentEvent
        fence = row.fence
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
        // Not as of the claim's sending: it may have waited for the database, and nothing must end early for that.
        databaseClock = (row.claimedAt, engine.clock.now())
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
    mutating func run() async -> Conclusion {
        await drive(machine.resume(sincePoint: sincePoint))
    }

    mutating func drive(_ first: RunMachine.Action) async -> Conclusion {
        switch await pursue(first) {
        case .concluded(let conclusion): conclusion
        case .branch: preconditionFailure("the key's own line ends with a conclusion")
        }
    }

    /// How pursuing a line ended.
    enum Ending: Sendable {
        case concluded(Conclusion)
        case branch(BranchEnd)
    }

    /// Where performing an action led.
    enum Progression {
        case next(RunMachine.Action)
        case end(Ending)
    }

    mutating func pursue(_ first: RunMachine.Action) async -> Ending {
        var action = first
        while true {
            let progression: Progression
            switch action {
            case .done: progression = .end(ending)
            case .perform(let work): progression = await performAndSettle(work)
            case .begin(let work): progression = await begin(work)
            case .reconcile(let work): progression = await reconcile(work)
            case .degrade(let work): progression = await degrade(work)
            case .retry(let delay): progression = await recordAttempt(waiting: delay)
            case .reject(let rejection, let finishes): progression = await reject(rejection, finishes: finishes)
            case .release(let delay, let counted):
                progression = await release(after: delay, attempts: machine.state.attempts - (counted ? 0 : 1))
            case .park(let reason): progression = await park(reason)
            }
            switch progression {
            case .next(let next): action = next
            case .end(let ending): return ending
            }
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

    private mutating func performAndSettle(_ work: Work) async -> Progression {
        // Whatever becomes of the work, its place at the service's gate is free again; leaving twice does nothing.
        defer {
            pass?.leave(.neither)
            pass = nil
        }
        if let end = await endBeforeStep(work) { return end }
        switch plan[work.step].body {
        case _ where work.direction == .compensating: break
        case .sleep(let wake): return await wakeUp(work, wake)
        case .wait(let body): return await receive(work, body)
        case .child(let body): return await receive(work, body)
        case .parallel, .forEach: return await runGroup(work)
        case .phase, .call, .choice: break
        }
        return await progression(of: work, await settle(work))
    }

    /// What a settled piece of work leads to.
    mutating func progression(of work: Work, _ settlement: Settlement) async -> Progression {
        switch settlement {
        case .committed(let value, let mark):
            return .next(advance(past: work, with: value, mark: mark))
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
    mutating func advance(past work: Work, with value: StepValue, mark: JournalEntry.Mark? = nil) -> RunMachine.Action {
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

    mutating func fail(_ work: Work, _ failure: StepFailure, _ error: String) -> RunMachine.Action {
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

extension RunMachine.Action {
    /// What happens next, in one word for logs: never a rejection's body.
    var logName: String {
        switch self {
        case .perform: "perform"
        case .begin: "begin"
        case .reconcile: "reconcile"
        case .degrade: "degrade"
        case .retry: "retry"
        case .release: "release"
        case .reject: "reject"
        case .park: "park"
        case .done: "done"
        }
    }
}
