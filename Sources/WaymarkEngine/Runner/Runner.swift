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
    /// What the machine says is to be done next.
    var action: RunMachine.Action?
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
    init(engine: Engine, saga: RegisteredSaga, accepting request: AcceptedRequest, value: (any Sendable)?, hold: Hold) {
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
                choices: journal.choices(saga.declaration.plan), done: journal.done, isInDoubt: row.isInDoubt,
                deaths: row.deaths, verdict: row.direction == .forward ? row.pendingAnswer?.rejection : nil))
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

    /// The work is committed: what it returned is the next step's input.
    func advance(past work: Work, with value: StepValue, mark: JournalEntry.Mark? = nil) -> RunMachine.Action {
        let step = plan[work.step]
        var choice: String?
        if work.direction == .forward {
            if case .choice = step.kind {
                // What goes into a choice goes on to the way that was chosen.
                choice = (try? value.read()) as? String
            } else {
                journal.record(value, of: FinishedStep(step: work.step, element: work.element))
                // Nobody takes the answer. Another output that does not read is found when it is taken, in the journal.
                current = work.finishes && line.isMain ? nil : (try? value.read())
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
    func handBack() async -> Progression {
        line.isMain
            ? await release(after: .zero, attempts: machine.state.attempts - 1)
            : .end(.branch(.interrupted(isInDoubt: machine.state.isInDoubt)))
    }
}
