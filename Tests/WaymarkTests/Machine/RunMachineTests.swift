import Testing
import WaymarkTesting

@testable import Waymark

/// Every action, and every event that leads to it.
@Suite struct RunMachineTests {
    private let rejection = Rejection(status: 402, type: "card_declined", title: "The card was declined.")
    private let undoneB = DeclaredCompensation.recoveryPoint(undoing: "b")

    /// a and b can be undone, c cannot, d is the last.
    private func declaration() throws -> SagaDeclaration {
        try SagaDeclaration(
            Assembled([
                phase("a").undonePhase(),
                call("b").retry(.fixed(attempts: 3, every: .seconds(1))).undoneCall(retry: .none),
                phase("c"),
                phase("d"),
            ])
        )
    }

    private func machine(
        at point: String,
        _ direction: Direction = .forward,
        attempts: Int = 1,
        done: [Int] = []
    ) throws -> RunMachine {
        RunMachine(
            declaration: try declaration(),
            state: RunState(
                direction: direction, recoveryPoint: point, attempts: attempts,
                done: done.map { FinishedStep(step: $0) })
        )
    }

    private func finished(_ steps: Int...) -> [FinishedStep] { steps.map { FinishedStep(step: $0) } }

    private func work(_ step: Int, _ from: String, _ to: String, _ direction: Direction = .forward) -> Work {
        Work(step: step, direction: direction, from: from, to: to)
    }

    @Test(arguments: [
        ("started", Work(step: 0, direction: .forward, from: "started", to: "a")),
        ("a", Work(step: 1, direction: .forward, from: "a", to: "b")),
        ("b", Work(step: 2, direction: .forward, from: "b", to: "c")),
        ("c", Work(step: 3, direction: .forward, from: "c", to: "finished")),
    ])
    func resumesForwardBehindThePoint(point: String, expected: Work) throws {
        #expect(try machine(at: point).resume(sincePoint: .zero) == .perform(expected))
    }

    @Test(arguments: [
        ("c", [0, 1, 2], Work(step: 1, direction: .compensating, from: "c", to: "b:undone")),
        ("b", [0, 1], Work(step: 1, direction: .compensating, from: "b", to: "b:undone")),
        ("b:undone", [0, 2], Work(step: 0, direction: .compensating, from: "b:undone", to: "finished")),
        ("a", [0], Work(step: 0, direction: .compensating, from: "a", to: "finished")),
    ])
    func resumesBackwardsBelowThePoint(point: String, done: [Int], expected: Work) throws {
        #expect(try machine(at: point, .compensating, done: done).resume(sincePoint: .zero) == .perform(expected))
    }

    @Test(
        "A state that no step follows is parked, never guessed at",
        arguments: [
            ("removed", Direction.forward), ("finished", .forward), ("d", .forward), ("b:undone", .forward),
            ("", .forward),
            ("removed", .compensating), ("finished", .compensating), ("started", .compensating),
            ("a:undone", .compensating), ("removed:undone", .compensating),
        ]
    )
    func parksUnreadableStates(point: String, direction: Direction) throws {
        #expect(try machine(at: point, direction).resume(sincePoint: .zero) == .park(.unreadableState))
    }

    @Test func aCommitLeadsToTheNextStepWithFreshAttempts() throws {
        var machine = try machine(at: "a", attempts: 3, done: [0])
        #expect(machine.committed(work(1, "a", "b")) == .perform(work(2, "b", "c")))
        #expect(machine.state == RunState(recoveryPoint: "b", attempts: 1, done: finished(0, 1)))
    }

    @Test func theLastCommitIsTheEnd() throws {
        var machine = try machine(at: "c")
        #expect(machine.committed(work(3, "c", "finished")) == .done)
        #expect(machine.state.recoveryPoint == "finished")
    }

    @Test func aRejectionIsUndoneInReverse() throws {
        var machine = try machine(at: "c", attempts: 2, done: [0, 1, 2])
        var random = Seed().generator()
        let action = machine.failed(work(3, "c", "finished"), .rejected(rejection), using: &random)
        #expect(action == .reject(rejection, finishes: false))
        let undoB = work(1, "c", undoneB, .compensating)
        let expected = RunState(
            direction: .compensating, recoveryPoint: "c", attempts: 1, done: finished(0, 1, 2))
        #expect(machine.rejected(finishes: false) == .perform(undoB))
        #expect(machine.state == expected)
        let undoA = work(0, undoneB, "finished", .compensating)
        #expect(machine.committed(undoB) == .perform(undoA))
        #expect(machine.committed(undoA) == .done)
    }

    @Test func aRejectionWithNothingToUndoIsTheEnd() throws {
        var machine = try machine(at: "started")
        var random = Seed().generator()
        let action = machine.failed(work(0, "started", "a"), .rejected(rejection), using: &random)
        #expect(action == .reject(rejection, finishes: true))
        #expect(machine.rejected(finishes: true) == .done)
    }

    @Test func aStepThatRejectsIsNotUndoneItself() throws {
        var machine = try machine(at: "a", done: [0])
        var random = Seed().generator()
        let action = machine.failed(work(1, "a", "b"), .rejected(rejection), using: &random)
        #expect(action == .reject(rejection, finishes: false))
        #expect(machine.rejected(finishes: false) == .perform(work(0, "a", "finished", .compensating)))
    }
}
