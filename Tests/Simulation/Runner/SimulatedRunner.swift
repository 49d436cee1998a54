import Foundation
import Waymark
import WaymarkEngine

/// The engine's `Runner`, with the same decisions in the same order, on the simulated outside. `RunMachine` and `Journal`
/// are the real ones; each method is named as the one that it stands for.
final class SimulatedRunner {
    let process: SimulatedProcess
    let context: KeyContext
    let hold: Hold
    let fence: Int
    var machine: RunMachine
    var journal: Journal
    /// What the next step takes, where this process has it in memory.
    var current: Int?
    var answer: ModelAnswer?
    /// By this machine's clock.
    var pointCommittedAt: Microseconds
    var lastError: String?

    var world: World { process.world }
    var saga: SimulatedSaga { world.saga }
    var plan: StepPlan { saga.declaration.plan }

    init(accepting new: NewKey, hold: Hold, process: SimulatedProcess) {
        self.process = process
        self.hold = hold
        context = new.context
        fence = new.fence
        machine = RunMachine(
            declaration: process.world.saga.declaration,
            state: RunState(recoveryPoint: SagaDeclaration.started, attempts: 1))
        journal = Journal()
        current = SimulatedSaga.request
        pointCommittedAt = process.clock
    }

    init(claimed row: ModelKey, at instant: Microseconds, hold: Hold, process: SimulatedProcess) throws {
        let declaration = process.world.saga.declaration
        self.process = process
        self.hold = hold
        context = row.context
        fence = row.fence
        journal = try Journal(json: "[\(row.journal.joined(separator: ","))]", plan: declaration.plan)
        machine = RunMachine(
            declaration: declaration,
            state: RunState(
                direction: row.direction, recoveryPoint: row.recoveryPoint, attempts: row.attempts,
                choices: journal.choices(declaration.plan), done: journal.done,
                isInDoubt: row.isInDoubt && process.world.scenario.guards.contains(.doubt), deaths: row.deaths))
        answer = row.answer
        pointCommittedAt = instant - ((row.lockedAt ?? 0) - row.progressedAt)
    }

    var sincePoint: Duration { .microseconds(process.clock - pointCommittedAt) }

    func run() {
        pursue(machine.resume(sincePoint: sincePoint))
    }

    func pursue(_ action: RunMachine.Action) {
        if hold.isLost { return }
        switch action {
        case .done: end(answer.map { .answered($0) } ?? .lost)
        case .perform(let work): performAndSettle(work)
        case .begin(let work): begin(work)
        case .reconcile(let work): reconcile(work)
        case .degrade(let work): degrade(work)
        case .retry(let delay): recordAttempt(waiting: delay)
        case .reject(let rejection, let finishes): reject(rejection, finishes: finishes)
        case .release(let delay, let counted):
            release(after: delay, attempts: machine.state.attempts - (counted ? 0 : 1))
        case .park(let reason): park(reason)
        }
    }

    func end(_ conclusion: Conclusion) {
        hold.conclude(conclusion)
    }

    private func performAndSettle(_ work: Work) {
        if endBeforeStep() { return }
        if work.direction == .forward, case .sleep(let wake) = plan[work.step].body { return wakeUp(work, wake) }
        settle(work) { self.perform(work, $0) }
    }

    /// What a settled piece of work leads to.
    func progress(of work: Work, _ settlement: Settlement) {
        switch settlement {
        case .committed(let value, let mark): pursue(advance(past: work, with: value, mark: mark))
        case .failed(let failure, let error): pursue(fail(work, failure, error))
        case .lost: end(.lost)
        case .unreachable: end(.unreachable)
        }
    }

    func endBeforeStep() -> Bool {
        if process.isStopping { release(after: .zero, attempts: machine.state.attempts - 1) }
        return process.isStopping
    }

    func advance(past work: Work, with value: StepValue, mark: JournalEntry.Mark?) -> RunMachine.Action {
        if work.direction == .forward {
            journal.record(value, of: FinishedStep(step: work.step))
            current = (try? value.read()) as? Int
            if work.finishes { answer = ModelAnswer(status: ModelAnswer.successStatus, body: value.json) }
        }
        pointCommittedAt = process.clock
        lastError = nil
        return machine.committed(work, counts: mark?.isUndoable ?? true)
    }

    func fail(_ work: Work, _ failure: StepFailure, _ error: String) -> RunMachine.Action {
        lastError = error
        let action = machine.failed(work, failure, sincePoint: sincePoint, using: &process.random)
        process.note("\(error) at s\(work.step) \(work.direction), attempt \(machine.state.attempts)")
        return action
    }

    /// What the work takes: in memory, or as it is stored.
    func input(of work: Work) -> Int {
        do {
            if work.direction == .compensating { return try stored(work.step) }
            if let current { return current }
            switch plan.source(of: work.step, machine.state.choices) {
            case .line: return SimulatedSaga.request
            case .output(let index): return try stored(index)
            case .undeclaredWay: throw WaymarkError(.unknownName, "a way that is not declared")
            }
        } catch {
            world.checker.fail("the input of step \(work.step) cannot be read: \(error)")
            return 0
        }
    }

    private func stored(_ step: Int) throws -> Int {
        let output = try journal.output(of: FinishedStep(step: step), plan)
        return output as? Int ?? 0
    }
}
