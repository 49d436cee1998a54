import WaymarkTesting

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
        /// Whether the foreign system said just before that the call had not happened.
        let isResolved: Bool
        var isCommitted = false
    }

    /// A committed piece of work, and what its output was.
    struct Commit: Equatable {
        enum Manner { case performed, decided, skipped, degraded, reconciled }

        let work: Work
        let manner: Manner

        /// Whether the step was done, and is undone after a rejection.
        var counts: Bool { manner != .skipped && manner != .degraded }
    }

    struct Delay {
        let delay: Duration
        let isHeld: Bool
        /// Whether it lasts until "did not happen" may be believed.
        let isSettling: Bool
        let retryAfter: Duration?
        let work: Work
    }

    let declaration: SagaDeclaration
    /// Whether each commit is followed by a new holder, who knows the row alone.
    let changesHolders: Bool
    var performances: [Performance] = []
    var commits: [Commit] = []
    var delays: [Delay] = []
    /// The recovery points that the row was at.
    var points = [SagaDeclaration.started]
    var end: End?
    var provider = SimulatedProvider()
    /// What a step was given from what is stored, where that was not what the step before it had returned.
    var strays: [Work] = []
    /// At-most-once calls that were made although one had taken effect, or was still to.
    var repeats: [Work] = []

    var machine: RunMachine
    var random: SeededGenerator
    var now: Duration = .zero
    var pointCommittedAt: Duration = .zero
    /// What is stored of each step, and what the next one takes.
    var outputs: [Int: Int] = [:]
    var current = 0
    /// What was asked about or performed last, for what is noted of it.
    var pending: Work?
    var isResolved = false
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

    var sincePoint: Duration { now - pointCommittedAt }

    /// Runs to the end, and through releases and deaths of holders.
    mutating func run(maximumActions: Int = 2_000) {
        var action = machine.resume(sincePoint: .zero)
        for _ in 0..<maximumActions where end == nil {
            action = step(action)
        }
    }

    private mutating func step(_ action: RunMachine.Action) -> RunMachine.Action {
        switch action {
        case .perform(let work):
            return perform(work)
        case .begin(let work):
            return begin(work)
        case .reconcile(let work):
            return reconcile(work)
        case .degrade(let work):
            return commit(work, as: .degraded)
        case .retry(let delay):
            note(delay, isHeld: true)
            return machine.retried(sincePoint: sincePoint)
        case .release(let delay, let counted):
            note(delay, isHeld: false)
            return claim(attempts: machine.state.attempts + (counted ? 1 : 0))
        case .reject(let rejection, let finishes):
            pendingAnswer = rejection
            pointCommittedAt = now
            isResolved = false
            if finishes { points.append(SagaDeclaration.finished) }
            return afterCommit(machine.rejected(finishes: finishes))
        case .park(let reason):
            end = .parked(reason)
        case .done:
            end = pendingAnswer.map { .rejected($0) } ?? .finished
        }
        return action
    }

    /// Nobody knows more than the row: the lease ran out, and another holder claims the key.
    mutating func die() -> RunMachine.Action {
        now += .seconds(15)
        return claim(attempts: machine.state.attempts + 1, afterDeath: true)
    }

    mutating func fail(_ work: Work, _ failure: StepFailure) -> RunMachine.Action {
        note(failure)
        return machine.failed(work, failure, sincePoint: sincePoint, using: &random)
    }

    mutating func note(_ failure: StepFailure) {
        switch failure {
        case .transient(let retryAfter), .notHappened(let retryAfter): lastRetryAfter = retryAfter
        default: lastRetryAfter = nil
        }
    }

    private mutating func note(_ delay: Duration, isHeld: Bool) {
        now += delay
        guard let work = pending else { return }
        delays.append(
            Delay(delay: delay, isHeld: isHeld, isSettling: isResolved, retryAfter: lastRetryAfter, work: work))
        lastRetryAfter = nil
    }

    private mutating func claim(attempts: Int, afterDeath: Bool = false) -> RunMachine.Action {
        var row = machine.state
        row.attempts = attempts
        if afterDeath { row.isInDoubt = true }
        row.deaths = afterDeath ? row.deaths + 1 : 0
        machine = RunMachine(declaration: declaration, state: row)
        isResolved = false
        return machine.resume(sincePoint: sincePoint)
    }

    /// What follows a commit must not depend on who goes on.
    mutating func afterCommit(_ action: RunMachine.Action) -> RunMachine.Action {
        guard changesHolders, action != .done else { return action }
        return claim(attempts: machine.state.attempts)
    }
}
