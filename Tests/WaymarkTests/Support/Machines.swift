import Foundation

@testable import Waymark

/// A machine for a request of a saga of these steps, which found it in this state.
func machine(
    of steps: [any Step<Int, Int>], _ direction: Direction = .forward, at point: String, attempts: Int = 1,
    choices: StepPlan.Choices = [:], done: [FinishedStep] = []
) throws -> RunMachine {
    let state = RunState(
        direction: direction, recoveryPoint: point, attempts: attempts, choices: choices, done: done)
    return RunMachine(declaration: try SagaDeclaration(Assembled(steps)), state: state)
}

/// The same request under a holder who knows no more than the row.
func successor(of machine: RunMachine, of steps: [any Step<Int, Int>], claimed: Int = 1) throws -> RunMachine {
    var state = machine.state
    state.attempts += claimed
    return RunMachine(declaration: try SagaDeclaration(Assembled(steps)), state: state)
}

/// A duration's smallest part.
let atom = Duration(secondsComponent: 0, attosecondsComponent: 1)

extension Call {
    /// A call of no request in particular.
    static func sample(attempt: Int = 1) throws -> Call {
        let (scope, key) = (try Scope("s"), try IdempotencyKey("k"))
        let context = KeyContext(
            id: KeyIdentity.rowID(scope: scope, key: key), scope: scope, key: key, saga: "book-ride",
            incarnation: UUID())
        return Call(idempotencyKey: "key-abroad", attempt: attempt, timeout: .seconds(1), key: context)
    }
}
