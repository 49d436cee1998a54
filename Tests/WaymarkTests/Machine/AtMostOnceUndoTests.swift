import Testing

@testable import Waymark

/// A compensation whose repeat is a second effect.
@Suite struct AtMostOnceUndoTests {
    private let work = Work(step: 0, direction: .compensating, from: "a", to: "finished")
    private let begunWork = Work(step: 0, direction: .compensating, from: "a:undoing", to: "finished", isBegun: true)
    private let refused = Rejection(status: 409, type: "no", title: "No.")

    private func machine(at point: String, reconciles: Bool = true) throws -> RunMachine {
        let rule: CallRule<Int, Void> =
            reconciles ? .atMostOnce(settling: .seconds(5), reconcile: { _, _ in .unknown("ask") }) : .atMostOnce
        let steps = [
            phase("a").undoneCall(rule, retry: .fixed(attempts: 2, every: .zero)), phase("b"),
        ]
        return try WaymarkTests.machine(of: steps, .compensating, at: point, done: [FinishedStep(step: 0)])
    }

    @Test func itIsBegunOnRecordBeforeItIsMade() throws {
        var machine = try machine(at: "a")
        #expect(machine.resume(sincePoint: .zero) == .begin(work))
        #expect(machine.beginning(of: work) == "a:undoing")
        #expect(machine.begun(work, as: "a:undoing") == .perform(begunWork))
        #expect(machine.committed(begunWork) == .done)
    }

    @Test func foundBegunItIsAskedAbout() throws {
        #expect(try machine(at: "a:undoing").resume(sincePoint: .zero) == .reconcile(begunWork))
        let parked = try machine(at: "a:undoing", reconciles: false).resume(sincePoint: .zero)
        #expect(parked == .park(.outcomeUnknown))
    }

    /// There is nobody left to refuse to; but what was refused may have happened before.
    @Test func onceRefusedItIsAskedAbout() throws {
        var (machine, random) = (try machine(at: "a"), LargestNumber())
        _ = machine.begun(work, as: "a:undoing")
        #expect(machine.failed(begunWork, .rejected(refused), using: &random) == .retry(after: .zero))
        #expect(machine.retried(sincePoint: .seconds(1)) == .reconcile(begunWork))
        #expect(
            machine.resolvedAsNotHappened(begunWork, sincePoint: .seconds(1))
                == .release(after: .seconds(4), counted: false))
        #expect(machine.resolvedAsNotHappened(begunWork, sincePoint: .seconds(5)) == .begin(begunWork))
    }

    /// How a step is looked up says nothing of how its undo is.
    @Test func theStepsOwnRuleIsItsUndosButForTheQuestion() throws {
        let step = call("a", .atMostOnce(settling: .seconds(5), reconcile: { _, _ in .unknown("ask") }))
            .compensate { (_: Int, _: Call) in }
        let undo = try SagaDeclaration(Assembled([step, phase("b")])).steps[0].compensation
        #expect(undo?.kind == .foreignCall(.atMostOnce(settling: .seconds(5))))
        #expect(undo?.body.reconcile == nil)
    }
}
