import Testing

@testable import Waymark

/// Choices, groups and waits: what is committed before them, and what comes after.
@Suite struct LineTests {
    private static let rejection = Rejection(status: 409, type: "no", title: "No.")

    private func work(_ step: Int, _ from: String, _ to: String, isBegun: Bool = false, element: Int? = nil) -> Work {
        Work(step: step, element: element, direction: .forward, from: from, to: to, isBegun: isBegun)
    }

    // MARK: Choices

    /// a; a choice of (b), (c, d) or nothing; z.
    private static let choosing: [any Step<Int, Int>] = [
        phase("a"), choice("way", [.card: [phase("b")], .invoice: [phase("c"), phase("d")]]), phase("z"),
    ]

    @Test(arguments: [("card", 2, "b"), ("invoice", 3, "c"), ("none", 5, "finished")])
    func aChoiceIsCommittedAndThenTaken(label: String, step: Int, to: String) throws {
        var machine = try machine(of: Self.choosing, at: "a")
        let decide = work(1, "a", "way")
        #expect(machine.resume(sincePoint: .zero) == .perform(decide))
        #expect(machine.committed(decide, choice: label) == .perform(work(step, "way", to)))
        #expect(machine.state.choices == ["way": label])
        let successor = try successor(of: machine, of: Self.choosing)
        #expect(successor.resume(sincePoint: .zero) == .perform(work(step, "way", to)))
    }

    @Test func theWaysMeetAgain() throws {
        for (label, point) in [("card", "b"), ("invoice", "d")] {
            let machine = try machine(of: Self.choosing, at: point, choices: ["way": label])
            #expect(machine.resume(sincePoint: .zero) == .perform(work(5, point, "finished")))
        }
    }

    @Test("A choice that is not known, or whose case is gone, is never guessed at", arguments: [[:], ["way": "cash"]])
    func unknownChoices(choices: [String: String]) throws {
        let machine = try machine(of: Self.choosing, at: "way", choices: choices)
        #expect(machine.resume(sincePoint: .zero) == .park(.unreadableState))
    }

    @Test func aWaysLastStepMayBeTheSagas() throws {
        let steps = [choice("way", [.card: [phase("b")], .invoice: [phase("c"), phase("d")], .none: [phase("e")]])]
        for (point, label, step) in [("way", "card", 1), ("c", "invoice", 3), ("way", "none", 4)] {
            let machine = try machine(of: steps, at: point, choices: ["way": label])
            #expect(machine.resume(sincePoint: .zero) == .perform(work(step, point, "finished")))
        }
    }

    // MARK: Conditions

    @Test func aConditionalCallIsDecidedOnBeforeItIsBegun() throws {
        let steps: [any Step<Int, Int>] = [
            phase("a"), call("b", .keyed(horizon: .hours(24))).when { $0 > 0 }.undoneCall(), phase("z"),
        ]
        var machine = try machine(of: steps, at: "a")
        #expect(machine.resume(sincePoint: .zero) == .begin(work(1, "a", "b")))
        // Skipped: its commit is that of the beginning.
        #expect(machine.committed(work(1, "a", "b"), counts: false) == .perform(work(2, "b", "finished")))
        #expect(machine.state == RunState(recoveryPoint: "b", attempts: 1))
    }

    @Test func aConditionalPhaseIsDecidedOnInItsOwnCommit() throws {
        let machine = try machine(of: [phase("a").when { $0 > 0 }, phase("z")], at: "started")
        #expect(machine.resume(sincePoint: .zero) == .perform(work(0, "started", "a")))
    }

    // MARK: Steps that wait

    @Test(arguments: [0, 1, 2])
    func waitingIsBegunAndThenOver(index: Int) throws {
        let waits: [(any Step<Int, Int>, String)] = [
            (SleepUntil<Int>(Sleep("w", for: .hours(1))), "w:asleep"),
            (
                WaitFor("w", event: Int.self, timeout: .hours(1)) { (input: Int, event: Int?) in event ?? input },
                "w:waiting"
            ),
            (
                Child("w", Assembled.self, request: { (input: Int) in input }) { (_: Int, answer: Int) in answer },
                "w:waiting"
            ),
        ]
        let (step, point) = waits[index]
        let steps: [any Step<Int, Int>] = [phase("a"), step, phase("z")]
        let machine = try machine(of: steps, at: "a")
        #expect(machine.resume(sincePoint: .zero) == .begin(work(1, "a", "w")))
        #expect(machine.beginning(of: work(1, "a", "w")) == point)
        var woken = try WaymarkTests.machine(of: steps, at: point)
        #expect(woken.resume(sincePoint: .hours(9)) == .perform(work(1, point, "w", isBegun: true)))
        #expect(woken.committed(work(1, point, "w", isBegun: true)) == .perform(work(2, "w", "finished")))
    }

    @Test(
        "A beginning that is another kind of step's is never guessed at",
        arguments: ["w:begun", "w:waiting", "a:begun"])
    func strangeBeginnings(point: String) throws {
        let steps: [any Step<Int, Int>] = [phase("a"), SleepUntil<Int>(Sleep("w", for: .hours(1))), phase("z")]
        #expect(try machine(of: steps, at: point).resume(sincePoint: .zero) == .park(.unreadableState))
    }

    // MARK: Groups

    /// a; a Parallel of (b, c) and (d); a ForEach of e and f; z.
    private static let grouping: [any Step<Int, Int>] = [
        phase("a"), parallel("both", [phase("b"), phase("c").undonePhase()], [call("d", .atMostOnce)]),
        each("all", [phase("e").undonePhase(), phase("f")]), phase("z"),
    ]

    private func branch(
        _ number: Int, of group: String, at point: String, element: Int? = nil, done: [FinishedStep] = []
    ) throws -> RunMachine {
        let declaration = try SagaDeclaration(Assembled(Self.grouping))
        let index = try #require(declaration.plan.index(named: group))
        return RunMachine(
            declaration: declaration, line: declaration.plan.lines(of: index)[number], element: element,
            state: RunState(recoveryPoint: point, attempts: 1, done: done))
    }

    @Test func aGroupIsBegunAndThenGoneThrough() throws {
        var machine = try machine(of: Self.grouping, at: "a")
        #expect(machine.resume(sincePoint: .zero) == .begin(work(1, "a", "both")))
        let begun = work(1, "both:begun", "both", isBegun: true)
        #expect(machine.begun(work(1, "a", "both"), as: "both:begun") == .perform(begun))
        #expect(machine.committed(begun) == .begin(work(5, "both", "all")))
    }

    @Test func eachBranchHasPointsOfItsOwn() throws {
        var first = try branch(0, of: "both", at: "started")
        #expect(first.resume(sincePoint: .zero) == .perform(work(2, "started", "b")))
        #expect(first.committed(work(2, "started", "b")) == .perform(work(3, "b", "finished")))
        #expect(first.committed(work(3, "b", "finished")) == .done)
        #expect(first.resume(sincePoint: .zero) == .done)
        var second = try branch(1, of: "both", at: "started")
        #expect(second.resume(sincePoint: .zero) == .begin(work(4, "started", "finished")))
        let begun = work(4, "d:begun", "finished", isBegun: true)
        #expect(second.begun(work(4, "started", "finished"), as: "d:begun") == .perform(begun))
    }

    @Test func elementsAreToldApart() throws {
        var machine = try branch(0, of: "all", at: "started", element: 7)
        #expect(machine.resume(sincePoint: .zero) == .perform(work(6, "started", "e", element: 7)))
        #expect(
            machine.committed(work(6, "started", "e", element: 7)) == .perform(work(7, "e", "finished", element: 7)))
        #expect(machine.state.done == [FinishedStep(step: 6, element: 7)])
    }

    @Test("A point of another line is none of a branch's", arguments: ["a", "both", "d", "d:begun", "both:begun"])
    func pointsOfOtherLines(point: String) throws {
        #expect(try branch(0, of: "both", at: point).resume(sincePoint: .zero) == .park(.unreadableState))
    }

    @Test("A branch's point is none of the saga's own line", arguments: ["b", "c", "d:begun", "e"])
    func pointsOfBranches(point: String) throws {
        #expect(try machine(of: Self.grouping, at: point).resume(sincePoint: .zero) == .park(.unreadableState))
    }

    @Test func aFinishedRequestIsNotGoneOnWith() throws {
        #expect(try machine(of: Self.grouping, at: "finished").resume(sincePoint: .zero) == .park(.unreadableState))
    }

    @Test func aBranchThatRejectsSaysSo() throws {
        var (machine, random) = (try branch(0, of: "all", at: "e", element: 0), LargestNumber())
        let action = machine.failed(work(7, "e", "finished", element: 0), .rejected(Self.rejection), using: &random)
        #expect(action == .reject(Self.rejection, finishes: true))
    }
}
