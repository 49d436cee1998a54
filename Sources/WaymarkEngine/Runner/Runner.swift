import Foundation
import Logging
import PostgresPQ
import Waymark

/// Drives one key forward while it holds its lease: performs what the state machine says, and commits it.
struct Runner {
    let engine: Engine
    let saga: RegisteredSaga
    let context: KeyContext
    let hold: Hold
    /// The request as it is stored.
    let request: String
    var machine: RunMachine
    var journal: Journal
    var fence: Int
    /// What the next step takes, where this process has it in memory.
    var current: (any Sendable)?
    /// The rejection that compensations lead to, or the answer once it is committed.
    var answer: StoredAnswer?
    /// When the recovery point was committed, on this machine's clock.
    var pointCommittedAt: ContinuousClock.Instant
    /// Why the last attempt failed, for the row.
    var lastError: String?
    private var generator = SystemRandomNumberGenerator()

    var logger: Logger {
        var logger = engine.logger
        logger[metadataKey: "saga"] = .string(context.saga)
        logger[metadataKey: "key_id"] = .stringConvertible(context.id)
        logger[metadataKey: "fence"] = .stringConvertible(fence)
        return logger
    }

    /// A runner for a key that is about to be accepted.
    init(engine: Engine, saga: RegisteredSaga, accepting request: AcceptedRequest, value: any Sendable, hold: Hold) {
        self.engine = engine
        self.saga = saga
        self.context = request.context
        self.hold = hold
        self.request = request.json
        machine = RunMachine(
            declaration: saga.declaration, state: RunState(recoveryPoint: SagaDeclaration.started, attempts: 1))
        journal = Journal()
        fence = 1
        current = value
        pointCommittedAt = .now
    }

    /// A runner for a key that was claimed.
    /// - Throws: when the stored journal cannot be read.
    init(engine: Engine, saga: RegisteredSaga, claimed row: ClaimedRow, hold: Hold) throws {
        self.engine = engine
        self.saga = saga
        context = row.context
        self.hold = hold
        request = row.request
        machine = RunMachine(declaration: saga.declaration, state: row.state)
        journal = try Journal(json: row.journal)
        fence = row.fence
        answer = row.pendingAnswer
        pointCommittedAt = .now - row.sincePoint
    }

    var sincePoint: Duration { .now - pointCommittedAt }

    /// Goes on with a key that is held, until it is answered, given back, parked or lost.
    mutating func run() async -> Conclusion {
        await drive(machine.resume(sincePoint: sincePoint))
    }

    mutating func drive(_ first: RunMachine.Action) async -> Conclusion {
        var action = first
        while true {
            let step: Progression
            switch action {
            case .done:
                guard let answer else { preconditionFailure("a finished key has an answer") }
                return .answered(answer, replayed: false)
            case .perform(let work): step = await performAndSettle(work)
            case .retry(let delay): step = await recordAttempt(waiting: delay)
            case .reject(let rejection, let finishes): step = await reject(rejection, finishes: finishes)
            case .release(let delay):
                step = await release(after: delay, attempts: machine.state.attempts)
            case .park(let reason): step = await park(reason)
            }
            switch step {
            case .next(let next): action = next
            case .end(let conclusion): return conclusion
            }
        }
    }

    /// Where performing an action led.
    enum Progression {
        case next(RunMachine.Action)
        case end(Conclusion)
    }

    private mutating func performAndSettle(_ work: Work) async -> Progression {
        if engine.held.isStopping { return await handBack() }
        switch await settle(work) {
        case .committed(let value):
            return .next(advance(past: work, with: value))
        case .failed(let failure, let error):
            return .next(fail(work, failure, error))
        case .interrupted:
            return await interrupted()
        case .lost:
            return lost()
        case .unreachable(let error):
            return unreachable(error)
        }
    }

    /// The work is committed: what it returned is the next step's input.
    mutating func advance(past work: Work, with value: StepValue) -> RunMachine.Action {
        let step = saga.declaration.steps[work.step]
        if work.direction == .forward {
            journal.record(value, of: step.name)
            current = value.value
            if work.finishes { answer = StoredAnswer(status: StoredAnswer.successStatus, body: value.json) }
        }
        pointCommittedAt = .now
        lastError = nil
        engine.metrics.commitStep()
        return machine.committed(work)
    }

    mutating func fail(_ work: Work, _ failure: StepFailure, _ error: String) -> RunMachine.Action {
        lastError = error
        let action = machine.failed(work, failure, using: &generator)
        logger.info(
            "step failed",
            metadata: [
                "step": .string(saga.declaration.steps[work.step].name), "direction": .string(work.direction.rawValue),
                "attempt": .stringConvertible(machine.state.attempts), "next": .string(action.logName),
            ])
        return action
    }

    /// The task was cancelled: by the loss of the lease, or by a stop whose grace period is over.
    private func interrupted() async -> Progression {
        hold.isLost ? lost() : await handBack()
    }

    /// Another runner has the key: nothing that this one does can be committed any more.
    func lost() -> Progression {
        logger.notice("lease was lost", metadata: ["recovery_point": .string(machine.state.recoveryPoint)])
        engine.metrics.loseLease()
        return .end(.lost)
    }

    /// The database was asked in vain; also when the question was cancelled because the lease is lost.
    func unreachable(_ error: PostgresError) -> Progression {
        hold.isLost ? lost() : .end(.unreachable(error))
    }

    /// Gives the lease back without burning an attempt, for whoever is next.
    private func handBack() async -> Progression {
        await release(after: .zero, attempts: machine.state.attempts - 1)
    }
}

extension RunMachine.Action {
    /// What happens next, in one word for logs: never a rejection's body.
    var logName: String {
        switch self {
        case .perform: "perform"
        case .retry: "retry"
        case .release: "release"
        case .reject: "reject"
        case .park: "park"
        case .done: "done"
        }
    }
}
