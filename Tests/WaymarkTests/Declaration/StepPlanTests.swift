import Testing

@testable import Waymark

/// What comes after what, and whose output a step takes, through choices and in groups.
@Suite struct StepPlanTests {
    /// ```
    /// a
    /// way ─ card: b, inner ─ card: c / invoice: nothing / none: nothing
    ///     ─ invoice: d, e
    ///     ─ none: nothing
    /// both ─ f, branched ─ card: g / invoice: h / none: i
    ///      ─ j
    /// all ─ k, skipping ─ card: l / …: nothing, m
    /// last ─ card: n, o / invoice: p / none: q
    /// ```
    private static func declaration() throws -> SagaDeclaration {
        try SagaDeclaration(
            Assembled([
                phase("a"),
                choice(
                    "way",
                    [.card: [phase("b"), choice("inner", [.card: [phase("c")]])], .invoice: [call("d"), phase("e")]]),
                parallel(
                    "both",
                    [
                        phase("f"),
                        choice("branched", [.card: [phase("g")], .invoice: [phase("h")], .none: [call("i")]]),
                    ],
                    [call("j")]),
                each("all", [call("k"), choice("skipping", [.card: [phase("l")]]), phase("m")]),
                choice("last", [.card: [phase("n"), phase("o")], .invoice: [phase("p")], .none: [phase("q")]]),
            ]))
    }

    private let plan: StepPlan

    init() throws {
        plan = try Self.declaration().plan
    }

    private func index(_ name: String) throws -> Int { try #require(plan.index(named: name)) }

    private func name(_ index: Int?) -> String? { index.map { plan[$0].name } }

    /// The names of what a line goes through, as one choice after the other is made.
    private func path(_ line: Int, _ choices: StepPlan.Choices) -> String {
        var (names, next) = ([String](), plan.first(of: line))
        while let index = next {
            names.append(plan[index].name)
            next = plan.next(after: index, choices)
        }
        return names.joined(separator: " ")
    }

    @Test func stepsAreNumberedAsTheyAreWritten() {
        #expect(
            plan.steps.map(\.name).joined(separator: " ")
                == "a way b inner c d e both f branched g h i j all k skipping l m last n o p q")
        for (index, step) in plan.steps.enumerated() { #expect(plan.index(named: step.name) == index) }
        #expect(plan.index(named: "elsewhere") == nil)
    }

    @Test(arguments: [
        (["way": "card", "inner": "card", "last": "card"], "a way b inner c both all last n o"),
        (["way": "card", "inner": "invoice", "last": "invoice"], "a way b inner both all last p"),
        (["way": "invoice", "last": "none"], "a way d e both all last q"),
        (["way": "none", "last": "card"], "a way both all last n o"),
        (["way": "card"], "a way b inner"),
        ([:], "a way"),
        (["way": "cash"], "a way"),
    ])
    func theSagasOwnLine(choices: StepPlan.Choices, expected: String) {
        #expect(path(StepPlan.main, choices) == expected)
    }

    @Test func theLinesOfGroups() throws {
        let (both, all) = (plan.lines(of: try index("both")), plan.lines(of: try index("all")))
        #expect(both.count == 2)
        #expect(all.count == 1)
        #expect(path(both[0], ["branched": "invoice"]) == "f branched h")
        #expect(path(both[1], [:]) == "j")
        #expect(path(all[0], ["skipping": "card"]) == "k skipping l m")
        #expect(path(all[0], ["skipping": "none"]) == "k skipping m")
        for (line, names) in [
            (both[0], ["f", "branched", "g", "h", "i"]), (both[1], ["j"]), (all[0], ["k", "l", "m"]),
        ] {
            for name in names { #expect(try plan.line(of: index(name)) == line, "\(name)") }
        }
        for name in ["a", "way", "b", "inner", "c", "d", "both", "all", "last", "q"] {
            #expect(try plan.line(of: index(name)) == StepPlan.main, "\(name)")
        }
        #expect(name(plan.group(of: both[0])) == "both")
        #expect(name(plan.group(of: all[0])) == "all")
        #expect(plan.group(of: StepPlan.main) == nil)
    }

    @Test func whatIsTheLastOfItsLine() {
        let last = plan.steps.indices.filter(plan.isLast).map { plan[$0].name }
        // A choice never is: one of its ways comes after it.
        #expect(last == ["g", "h", "i", "j", "m", "o", "p", "q"])
    }

    @Test(arguments: [
        ("a", [:], nil), ("way", [:], "a"), ("b", ["way": "card"], "a"), ("d", ["way": "invoice"], "a"),
        ("e", ["way": "invoice"], "d"), ("inner", ["way": "card"], "b"), ("c", ["way": "card", "inner": "card"], "b"),
        ("both", ["way": "card", "inner": "card"], "c"), ("both", ["way": "card", "inner": "none"], "b"),
        ("both", ["way": "invoice"], "e"), ("both", ["way": "none"], "a"),
        ("f", [:], nil), ("branched", [:], "f"), ("h", ["branched": "invoice"], "f"), ("j", [:], nil),
        ("all", [:], "both"), ("k", [:], nil), ("l", ["skipping": "card"], "k"), ("m", ["skipping": "card"], "l"),
        ("m", ["skipping": "none"], "k"), ("last", [:], "all"), ("q", ["last": "none"], "all"),
        ("o", ["last": "card"], "n"),
    ])
    func whatAStepTakes(step: String, choices: StepPlan.Choices, expected: String?) throws {
        let source = plan.source(of: try index(step), choices)
        let expected = try expected.map { StepPlan.Source.output(try index($0)) } ?? .line
        #expect(source == expected)
    }

    @Test func aWayThatIsNotDeclaredLeadsNowhere() throws {
        let source = plan.source(of: try index("both"), ["way": "cheque"])
        #expect(source == .undeclaredWay(try index("way")))
    }

    @Test(arguments: [
        ("a", "way b inner c d e both f branched g h i j all k skipping l m last n o p q"),
        ("b", "inner c both f branched g h i j all k skipping l m last n o p q"),
        ("e", "both f branched g h i j all k skipping l m last n o p q"), ("f", "branched g h i"), ("h", ""), ("j", ""),
        ("k", "skipping l m"), ("both", "all k skipping l m last n o p q"), ("n", "o"), ("q", ""),
    ])
    func whatMayComeAfterAStep(step: String, expected: String) throws {
        #expect(
            plan.steps(after: try index(step)).map { plan[$0].name } == expected.split(separator: " ").map(String.init))
    }

    @Test func whatALineGives() throws {
        let (both, all) = (plan.lines(of: try index("both")), plan.lines(of: try index("all")))
        #expect(try plan.result(ofLine: both[0], ["branched": "none"]) == .output(index("i")))
        #expect(try plan.result(ofLine: both[1], [:]) == .output(index("j")))
        #expect(try plan.result(ofLine: all[0], ["skipping": "none"]) == .output(index("m")))
        #expect(try plan.result(ofLine: StepPlan.main, ["last": "card"]) == .output(index("o")))
        #expect(try plan.result(ofLine: StepPlan.main, ["last": "invoice"]) == .output(index("p")))
    }

    @Test func whatAStepIsInsideOf() throws {
        for (step, expected) in [
            ("a", "a"), ("c", "way"), ("h", "both"), ("branched", "both"), ("l", "all"), ("q", "last"),
        ] {
            #expect(try name(plan.outermost(index(step))) == expected)
        }
    }

    // MARK: What the declaration makes of it

    @Test func pointsOfTheSagaAndOfItsGroups() throws {
        let declaration = try Self.declaration()
        #expect(
            declaration.recoveryPoints.joined(separator: " ")
                == "started a way b inner c d e both:begun both all:begun all last n finished")
        #expect(declaration.groupPoints.joined(separator: " ") == "f branched k skipping l")
    }

    @Test func pointsOfStepsThatAreBegunAlone() throws {
        let declaration = try SagaDeclaration(
            Assembled([
                SleepUntil<Int>(Sleep("rest", for: .hours(1))),
                WaitFor("paid", event: Int.self, timeout: .hours(1)) { (input: Int, _: Int?) in input },
                Child("sub", Assembled.self, request: { (input: Int) in input }) { (_: Int, answer: Int) in answer },
                call("once", .atMostOnce).undoneCall(.atMostOnce), call("maybe").when { $0 > 0 }.undonePhase(),
                phase("noted").when { $0 > 0 }, parallel("both", [phase("left").undonePhase()], [phase("right")]),
                call("z"),
            ]))
        #expect(
            declaration.recoveryPoints.joined(separator: " ") == """
                started rest:asleep rest paid:waiting paid sub:waiting sub once:begun once maybe:begun maybe noted \
                both:begun both left:undone maybe:undone once:undoing finished
                """)
    }

    /// The first step of a group may be undone before another one of it.
    @Test func anyCompensationInAGroupMayBeTheLast() throws {
        let declaration = try SagaDeclaration(
            Assembled([
                parallel("both", [phase("left").undonePhase()], [phase("right").undonePhase()]), phase("z"),
            ]))
        #expect(
            declaration.recoveryPoints.joined(separator: " ")
                == "started both:begun both right:undone left:undone finished")
    }

    @Test(arguments: [
        ("started", 0), ("a", 1), ("way", 1), ("b", 1), ("inner", 1), ("c", 2), ("d", 1), ("e", 2), ("both:begun", 2),
        ("f", 2), ("j", 2), ("both", 3), ("all:begun", 3), ("k", 3), ("all", 4), ("last", 4), ("n", 4), ("finished", 5),
    ])
    func stepsBehind(point: String, expected: Int) throws {
        #expect(try Self.declaration().stepsBehind(point) == expected)
    }
}
