import Testing

@testable import Waymark

/// A keyed call is made only where its whole attempt ends within the horizon.
@Suite struct HorizonTests {
    private static let horizon: Duration = .seconds(100)
    private static let timeout: Duration = .seconds(30)
    /// The first age of the recovery point at which a call could still be under way when the horizon ends.
    private static let edge = horizon - timeout
    private static let atom = Duration(secondsComponent: 0, attosecondsComponent: 1)

    /// Without a horizon the call is a natural one.
    private func machine(_ direction: Direction, horizon: Duration?) throws -> RunMachine {
        func rule<Output>() -> CallRule<Int, Output> { horizon.map { .keyed(horizon: $0) } ?? .natural }
        let declaration = try SagaDeclaration(
            Assembled([
                call("a", direction == .forward ? rule() : .natural).timeout(Self.timeout)
                    .undoneCall(direction == .forward ? .natural : rule(), timeout: Self.timeout),
                phase("b"),
            ])
        )
        let state =
            switch direction {
            case .forward: RunState(recoveryPoint: "started", attempts: 1)
            case .compensating:
                RunState(direction: direction, recoveryPoint: "a", attempts: 1, done: [FinishedStep(step: 0)])
            }
        return RunMachine(declaration: declaration, state: state)
    }

    private func isPerformed(_ action: RunMachine.Action) -> Bool {
        if case .perform = action { true } else { false }
    }

    @Test(arguments: [Direction.forward, .compensating])
    func theEdgeIsExact(direction: Direction) throws {
        var machine = try machine(direction, horizon: Self.horizon)
        for age in [Duration.zero, .seconds(1), Self.edge - Self.atom] {
            #expect(isPerformed(machine.resume(sincePoint: age)), "at \(age)")
        }
        for age in [Self.edge, Self.edge + Self.atom, Self.horizon, .hours(10_000)] {
            #expect(machine.resume(sincePoint: age) == .park(.horizonPassed), "at \(age)")
        }
        #expect(isPerformed(machine.retried(sincePoint: Self.edge - Self.atom)))
        #expect(machine.retried(sincePoint: Self.edge) == .park(.horizonPassed))
    }

    @Test(arguments: [Direction.forward, .compensating])
    func naturalCallsHaveNone(direction: Direction) throws {
        #expect(isPerformed(try machine(direction, horizon: nil).resume(sincePoint: .hours(10_000))))
    }

    @Test func attemptsUsedUpComeFirst() throws {
        let declaration = try SagaDeclaration(
            Assembled([call("a", .keyed(horizon: Self.horizon)).retry(.none), phase("b")])
        )
        let machine = RunMachine(declaration: declaration, state: RunState(recoveryPoint: "started", attempts: 2))
        #expect(machine.resume(sincePoint: Self.horizon) == .park(.attemptsExhausted))
    }

    @Test func aFreshPointIsAlwaysWithinTheHorizon() throws {
        let declaration = try SagaDeclaration(
            Assembled([
                phase("a"), call("b", .keyed(horizon: Self.timeout + Self.atom)).timeout(Self.timeout), phase("c"),
            ])
        )
        var machine = RunMachine(declaration: declaration, state: RunState(recoveryPoint: "started", attempts: 1))
        let action = machine.committed(Work(step: 0, direction: .forward, from: "started", to: "a"))
        #expect(action == .perform(Work(step: 1, direction: .forward, from: "a", to: "b")))
        #expect(machine.resume(sincePoint: .zero) == action)
        #expect(machine.resume(sincePoint: Self.atom) == .park(.horizonPassed))
    }
}
