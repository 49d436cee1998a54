import Testing

@testable import Waymark

/// A keyed call whose key may be forgotten is asked about, where somebody declared how.
@Suite struct ReconciliationTests {
    private static let horizon = Duration.seconds(100)
    private static let timeout = Duration.seconds(30)
    private static let edge = horizon - timeout
    private static let rule = CallRule<Int, Int>.keyed(horizon: horizon, reconcile: { _, _ in .unknown("ask") })

    private let work = Work(step: 0, direction: .forward, from: "started", to: "a")

    private func steps(_ rule: CallRule<Int, Int> = rule) -> [any Step<Int, Int>] {
        [call("a", rule).timeout(Self.timeout).retry(.fixed(attempts: 2, every: .zero)), phase("b")]
    }

    @Test func pastTheHorizonItIsAskedAboutFirst() throws {
        var machine = try machine(of: steps(), at: "started")
        #expect(machine.resume(sincePoint: Self.edge - atom) == .perform(work))
        #expect(machine.resume(sincePoint: Self.edge) == .reconcile(work))
        #expect(machine.resolvedAsNotHappened(work, sincePoint: Self.edge) == .perform(work))
        let next = Work(step: 1, direction: .forward, from: "a", to: "finished")
        #expect(machine.committed(work) == .perform(next))
    }

    @Test func whereNobodyDeclaredHowItParks() throws {
        let machine = try machine(of: steps(.keyed(horizon: Self.horizon)), at: "started")
        #expect(machine.resume(sincePoint: Self.edge) == .park(.horizonPassed))
    }

    @Test func eachAttemptPastTheHorizonIsAskedAboutFirst() throws {
        var (machine, random) = (try machine(of: steps(), at: "started"), LargestNumber())
        #expect(machine.resume(sincePoint: Self.edge) == .reconcile(work))
        #expect(machine.resolvedAsNotHappened(work, sincePoint: Self.edge) == .perform(work))
        let failure = StepFailure.transient(retryAfter: nil)
        #expect(machine.failed(work, failure, sincePoint: Self.edge, using: &random) == .retry(after: .zero))
        #expect(machine.retried(sincePoint: Self.edge) == .reconcile(work))
        #expect(machine.resolvedAsNotHappened(work, sincePoint: Self.edge) == .perform(work))
        #expect(machine.failed(work, failure, sincePoint: Self.edge, using: &random) == .park(.attemptsExhausted))
    }

    @Test func aQuestionThatFailsIsAskedAgain() throws {
        var (machine, random) = (try machine(of: steps(), at: "started"), LargestNumber())
        let failure = StepFailure.transient(retryAfter: nil)
        #expect(machine.reconcileFailed(work, failure, sincePoint: Self.edge, using: &random) == .retry(after: .zero))
        #expect(machine.retried(sincePoint: Self.edge) == .reconcile(work))
        #expect(
            machine.reconcileFailed(work, failure, sincePoint: Self.edge, using: &random) == .park(.outcomeUnknown))
    }

    @Test func aCompensationIsAskedAboutToo() throws {
        let steps: [any Step<Int, Int>] = [
            phase("a").undoneCall(
                .keyed(horizon: Self.horizon, reconcile: { _, _ in .unknown("ask") }), timeout: Self.timeout),
            phase("b"),
        ]
        let undo = Work(step: 0, direction: .compensating, from: "a", to: "finished")
        var machine = try machine(of: steps, .compensating, at: "a", done: [FinishedStep(step: 0)])
        #expect(machine.resume(sincePoint: Self.edge - atom) == .perform(undo))
        #expect(machine.resume(sincePoint: Self.edge) == .reconcile(undo))
        #expect(machine.resolvedAsNotHappened(undo, sincePoint: Self.edge) == .perform(undo))
    }

    /// What is begun on record has not been called before that; its key is remembered from then on.
    @Test(arguments: [true, false])
    func aConditionalCallsHorizonBeginsWithIt(reconciles: Bool) throws {
        let rule = reconciles ? Self.rule : .keyed(horizon: Self.horizon)
        let steps: [any Step<Int, Int>] = [call("a", rule).timeout(Self.timeout).when { $0 > 0 }, phase("b")]
        let late = Duration.hours(1_000)
        #expect(try machine(of: steps, at: "started").resume(sincePoint: late) == .begin(work))
        let begun = Work(step: 0, direction: .forward, from: "a:begun", to: "a", isBegun: true)
        let found = try machine(of: steps, at: "a:begun")
        #expect(found.resume(sincePoint: Self.edge - atom) == .perform(begun))
        #expect(found.resume(sincePoint: Self.edge) == (reconciles ? .reconcile(begun) : .park(.horizonPassed)))
    }

    @Test func answersAreMapped() {
        func answer(_ reconciliation: Reconciliation<Int>) -> String {
            switch reconciliation.map({ "\($0)" }) {
            case .happened(let text): text
            case .didNotHappen: "no"
            case .unknown: "?"
            }
        }
        #expect(answer(.happened(7)) == "7")
        #expect(answer(.didNotHappen) == "no")
        #expect(answer(.unknown("ask")) == "?")
    }
}
