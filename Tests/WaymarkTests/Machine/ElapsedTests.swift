import Testing

@testable import Waymark

/// How long after the previous recovery point a further attempt may begin.
@Suite struct ElapsedTests {
    private static let elapsed = Duration.seconds(10)
    private static let ceiling = Duration.seconds(2)

    private let work = Work(step: 0, direction: .forward, from: "started", to: "a")

    private func machine(attempts: Int = 1) throws -> RunMachine {
        let policy = RetryPolicy.fixed(attempts: 100, every: Self.ceiling, within: Self.elapsed)
        return try WaymarkTests.machine(
            of: [phase("a").retry(policy).orElse(7), phase("b")], at: "started", attempts: attempts)
    }

    private func failed(at age: Duration, retryAfter: Duration? = nil) throws -> RunMachine.Action {
        var (machine, longest) = (try machine(), LargestNumber())
        return machine.failed(work, .transient(retryAfter: retryAfter), sincePoint: age, using: &longest)
    }

    @Test func anAttemptThatWouldBeginTooLateIsNotWaitedFor() throws {
        let latest = Self.elapsed - Self.ceiling
        #expect(try failed(at: .zero) == .retry(after: Self.ceiling))
        #expect(try failed(at: latest) == .retry(after: Self.ceiling))
        #expect(try failed(at: latest + atom) == .degrade(work))
        #expect(try failed(at: .hours(1)) == .degrade(work))
    }

    @Test func whatTheForeignSystemAskedForCountsToo() throws {
        #expect(try failed(at: .zero, retryAfter: Self.elapsed) == .release(after: Self.elapsed, counted: true))
        #expect(try failed(at: .zero, retryAfter: Self.elapsed + atom) == .degrade(work))
    }

    @Test func aClaimIsAFurtherAttemptAfterTheFirst() throws {
        #expect(try machine(attempts: 1).resume(sincePoint: .hours(1)) == .perform(work))
        #expect(try machine(attempts: 2).resume(sincePoint: Self.elapsed) == .perform(work))
        #expect(try machine(attempts: 2).resume(sincePoint: Self.elapsed + atom) == .degrade(work))
        var machine = try machine()
        #expect(machine.retried(sincePoint: Self.elapsed + atom) == .degrade(work))
    }

    /// What is known not to have happened is not tried again either.
    @Test func timeThatIsUpDuringTheQuestionIsUp() throws {
        let rule = CallRule<Int, Int>.keyed(horizon: .seconds(60), reconcile: { _, _ in .unknown("ask") })
        let policy = RetryPolicy.fixed(attempts: 100, every: .zero, within: Self.elapsed)
        var machine = try WaymarkTests.machine(
            of: [call("a", rule).retry(policy).orElse(7), phase("b")], at: "started", attempts: 2)
        #expect(machine.resume(sincePoint: Self.elapsed + atom) == .reconcile(work))
        #expect(machine.resolvedAsNotHappened(work, sincePoint: Self.elapsed + atom) == .degrade(work))
    }

    @Test func withoutItTheAttemptsAloneCount() throws {
        var (machine, longest) = (
            try WaymarkTests.machine(of: [phase("a"), phase("b")], at: "started", attempts: 99), LargestNumber()
        )
        #expect(machine.resume(sincePoint: .hours(10_000)) == .perform(work))
        let action = machine.failed(
            work, .transient(retryAfter: nil), sincePoint: .hours(10_000), using: &longest)
        #expect(action == .release(after: .minutes(2), counted: true))
    }
}
