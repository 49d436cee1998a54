import Testing

@testable import Waymark

/// What is undone after a rejection, and in which order: what was committed says so, not how the saga is written.
@Suite struct UndoOrderTests {
    private static let attempts = RetryPolicy.fixed(attempts: 3, every: .zero)
    private static let rejection = Rejection(status: 409, type: "no", title: "No.")

    /// a; a ForEach of sent and noted; a Parallel of left and right; z.
    private static let steps: [any Step<Int, Int>] = [
        phase("a").undonePhase(), each("all_sent", [call("sent").undoneCall(.atMostOnce), phase("noted")]),
        parallel("both", [phase("left").undonePhase()], [phase("right").undonePhase()]), phase("z"),
    ]

    private func machine(
        _ direction: Direction = .forward, at point: String, done: [FinishedStep]
    ) throws -> RunMachine {
        try WaymarkTests.machine(of: Self.steps, direction, at: point, done: done)
    }

    private func undo(
        _ step: Int, _ element: Int? = nil, from: String, to: String, isBegun: Bool = false
    ) -> Work {
        Work(step: step, element: element, direction: .compensating, from: from, to: to, isBegun: isBegun)
    }

    @Test func theLatestCommitIsUndoneFirst() throws {
        var machine = try machine(
            at: "both",
            done: [
                FinishedStep(step: 0), FinishedStep(step: 6), FinishedStep(step: 5), FinishedStep(step: 4),
            ])
        var random = LargestNumber()
        let last = Work(step: 7, direction: .forward, from: "both", to: "finished")
        #expect(
            machine.failed(last, .rejected(Self.rejection), using: &random) == .reject(Self.rejection, finishes: false))
        var work = undo(5, from: "both", to: "left:undone")
        #expect(machine.rejected(finishes: false) == .perform(work))
        var next = undo(6, from: "left:undone", to: "right:undone")
        #expect(machine.committed(work) == .perform(next))
        work = undo(0, from: "right:undone", to: "finished")
        #expect(machine.committed(next) == .perform(work))
        next = work
        #expect(machine.committed(next) == .done)
        // What has no compensation stays.
        #expect(machine.state.done == [FinishedStep(step: 4)])
    }

    @Test func elementsAreUndoneEachByItself() throws {
        var machine = try machine(
            .compensating, at: "all_sent",
            done: [
                FinishedStep(step: 2, element: 1), FinishedStep(step: 2, element: 0), FinishedStep(step: 3, element: 1),
            ])
        let first = undo(2, 0, from: "all_sent", to: "sent:undone[0]")
        #expect(machine.resume(sincePoint: .zero) == .begin(first))
        #expect(machine.beginning(of: first) == "sent:undoing[0]")
        let begun = undo(2, 0, from: "sent:undoing[0]", to: "sent:undone[0]", isBegun: true)
        #expect(machine.begun(first, as: "sent:undoing[0]") == .perform(begun))
        let second = undo(2, 1, from: "sent:undone[0]", to: "finished")
        #expect(machine.committed(begun) == .begin(second))
        #expect(machine.state.done == [FinishedStep(step: 2, element: 1), FinishedStep(step: 3, element: 1)])
    }

    @Test func anElementFoundBegunIsTheOneThatIsGoneOnWith() throws {
        let machine = try machine(
            .compensating, at: "sent:undoing[1]",
            done: [FinishedStep(step: 2, element: 0), FinishedStep(step: 2, element: 1)])
        #expect(machine.next == undo(2, 1, from: "sent:undoing[1]", to: "sent:undone[1]", isBegun: true))
        #expect(machine.resume(sincePoint: .zero) == .park(.outcomeUnknown))
    }

    @Test("Skipped and degraded steps are not undone", arguments: [true, false])
    func whatDidNotHappen(counts: Bool) throws {
        var machine = try machine(at: "started", done: [])
        _ = machine.committed(Work(step: 0, direction: .forward, from: "started", to: "a"), counts: counts)
        var random = LargestNumber()
        let group = Work(step: 1, direction: .forward, from: "all_sent:begun", to: "all_sent", isBegun: true)
        let action = machine.failed(group, .rejected(Self.rejection), using: &random)
        #expect(action == .reject(Self.rejection, finishes: !counts))
    }

    @Test func whatTheBranchesCommittedIsUndoneToo() throws {
        var machine = try machine(at: "all_sent:begun", done: [])
        let done = [FinishedStep(step: 2, element: 0), FinishedStep(step: 3, element: 0)]
        machine.learned(done: done)
        #expect(machine.state.done == done)
        var random = LargestNumber()
        let group = Work(step: 1, direction: .forward, from: "all_sent:begun", to: "all_sent", isBegun: true)
        let action = machine.failed(group, .rejected(Self.rejection), using: &random)
        #expect(action == .reject(Self.rejection, finishes: false))
        #expect(machine.rejected(finishes: false) == .begin(undo(2, 0, from: "all_sent:begun", to: "finished")))
    }

    // MARK: Steps that the declaration lost

    @Test(arguments: [[nil], [0, nil], [nil, 0]] as [[Int?]])
    func aRejectionThatCannotUndoEverythingParks(done: [Int?]) throws {
        var machine = try machine(at: "both", done: done.map { FinishedStep(step: $0) })
        var random = LargestNumber()
        let last = Work(step: 7, direction: .forward, from: "both", to: "finished")
        #expect(machine.failed(last, .rejected(Self.rejection), using: &random) == .park(.unreadableState))
    }

    @Test(arguments: [[nil], [0, nil], [nil, 0]] as [[Int?]])
    func onTheWayBackItParksToo(done: [Int?]) throws {
        let machine = try machine(.compensating, at: "both", done: done.map { FinishedStep(step: $0) })
        #expect(machine.resume(sincePoint: .zero) == .park(.unreadableState))
    }

    @Test func withoutARejectionTheyDoNotMatter() throws {
        let machine = try machine(at: "both", done: [FinishedStep(step: nil)])
        #expect(
            machine.resume(sincePoint: .zero)
                == .perform(Work(step: 7, direction: .forward, from: "both", to: "finished")))
    }
}
