@testable import Waymark

/// A runner, a row and a world without I/O: performs what the machine says, with random luck, and keeps a record.
struct SimulatedRun {
    enum End: Equatable {
        case finished
        case rejected(Rejection)
        case parked(ParkedReason)
    }

    /// One performed piece of work, and whether it was committed.
    struct Performance: Equatable {
        let work: Work
        let attempt: Int
        let sincePoint: Duration
        var isCommitted = false
    }

    let declaration: SagaDeclaration
    /// Whether each commit is followed by a new holder, who knows the row alone.
    let changesHolders: Bool
    private(set) var performances: [Performance] = []
    private(set) var delays: [(delay: Duration, isHeld: Bool, retryAfter: Duration?, work: Work)] = []
    /// The recovery points that the row was at.
    private(set) var points = [SagaDeclaration.started]
    private(set) var end: End?

    private var machine: RunMachine
    private var random: SeededGenerator
    private var now: Duration = .zero
    private var pointCommittedAt: Duration = .zero
    private var pendingAnswer: Rejection?
    private var lastRetryAfter: Duration?

    init(_ declaration: SagaDeclaration, changesHolders: Bool, random: SeededGenerator) {
        self.declaration = declaration
        self.changesHolders = changesHolders
        self.random = random
        machine = RunMachine(
            declaration: declaration,
            state: RunState(recoveryPoint: SagaDeclaration.started, attempts: 1)
        )
    }

    /// Runs to the end, and through releases and deaths of holders.
    mutating func run(maximumActions: Int = 1_000) {
        var action = machine.resume(sincePoint: .zero)
        for _ in 0..<maximumActions where end == nil {
            action = step(action)
        }
    }

    private mutating func step(_ action: RunMachine.Action) -> RunMachine.Action {
        switch action {
        case .perform(let work):
            return perform(work)
        case .retry(let delay):
            note(delay, isHeld: true)
            return machine.retried(sincePoint: now - pointCommittedAt)
        case .release(let delay):
            note(delay, isHeld: false)
            return claim(attempts: machine.state.attempts + 1)
        case .reject(let rejection, let finishes):
            pendingAnswer = rejection
            pointCommittedAt = now
            if finishes { points.append(SagaDeclaration.finished) }
            return afterCommit(machine.rejected(finishes: finishes))
        case .park(let reason):
            end = .parked(reason)
        case .done:
            end = pendingAnswer.map { .rejected($0) } ?? .finished
        }
        return action
    }

    private mutating func perform(_ work: Work) -> RunMachine.Action {
        performances.append(
            Performance(work: work, attempt: machine.state.attempts, sincePoint: now - pointCommittedAt)
        )
        now += .milliseconds(Int.random(in: 0...1_000, using: &random))
        switch Int.random(in: 0..<100, using: &random) {
        case 0..<55:
            performances[performances.count - 1].isCommitted = true
            points.append(work.to)
            pointCommittedAt = now
            return afterCommit(machine.committed(work))
        case 55..<75:
            return fail(work, .transient(retryAfter: nil))
        case 75..<80:
            return fail(work, .transient(retryAfter: .milliseconds(Int.random(in: 0...5_000, using: &random))))
        case 80..<88:
            return fail(work, .rejected(Rejection(status: 409, type: "no", title: "\(work.step)")))
        case 88:
            return fail(work, .hopeless(.unstorableOutput))
        default:
            // The holder dies; another one claims the key when the lease is over.
            now += .seconds(15)
            return claim(attempts: machine.state.attempts + 1)
        }
    }

    private mutating func fail(_ work: Work, _ failure: StepFailure) -> RunMachine.Action {
        if case .transient(let retryAfter) = failure { lastRetryAfter = retryAfter } else { lastRetryAfter = nil }
        return machine.failed(work, failure, using: &random)
    }

    private mutating func note(_ delay: Duration, isHeld: Bool) {
        now += delay
        guard let work = performances.last?.work else { return }
        delays.append((delay, isHeld, lastRetryAfter, work))
    }

    private mutating func claim(attempts: Int) -> RunMachine.Action {
        let row = machine.state
        machine = RunMachine(
            declaration: declaration,
            state: RunState(direction: row.direction, recoveryPoint: row.recoveryPoint, attempts: attempts)
        )
        return machine.resume(sincePoint: now - pointCommittedAt)
    }

    /// What follows a commit must not depend on who goes on.
    private mutating func afterCommit(_ action: RunMachine.Action) -> RunMachine.Action {
        guard changesHolders, action != .done else { return action }
        return claim(attempts: machine.state.attempts)
    }
}
