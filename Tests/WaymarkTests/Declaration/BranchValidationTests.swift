import Testing
import Waymark

/// What can be wrong with choices, groups, versions and policies, word for word.
@Suite struct BranchValidationTests {
    private func problems(_ steps: [any Step<Int, Int>]) throws -> [String] {
        try problems(Assembled(steps))
    }

    private func problems(_ saga: some Saga) throws -> [String] {
        let error = #expect(throws: SagaDeclarationError.self) { try SagaDeclaration(saga) }
        return try #require(error).problems
    }

    /// Steps as a way or a branch has them.
    private let end = phase("z")

    // MARK: Choices

    @Test func aSagaThatWouldEndWithAChoice() throws {
        let ways: [Route: [any Step<Int, Int>]] = [.card: [phase("b")], .invoice: [phase("c")]]
        let problem = "the saga would end with a choice; each way needs a step"
        #expect(try problems([phase("a"), choice("way", ways)]) == ["step 'way': \(problem)"])
        let nested = choice("outer", [.card: [choice("inner", ways)], .invoice: [phase("d")], .none: [phase("e")]])
        #expect(try problems([nested]) == ["step 'inner': \(problem)"])
        #expect(
            try problems([choice("outer", [.card: [choice("inner", ways)], .invoice: [phase("d")]])])
                == ["step 'outer': \(problem)", "step 'inner': \(problem)"])
        _ = try SagaDeclaration(Assembled([choice("way", ways), end]))
        _ = try SagaDeclaration(
            Assembled([
                choice("outer", [.card: [choice("inner", ways), end], .invoice: [phase("d")], .none: [phase("e")]])
            ]))
    }

    @Test func waysLastStepsAreNotUndoneWhereTheyAreTheSagas() throws {
        let steps = choice(
            "way",
            [.card: [phase("b").undonePhase()], .invoice: [phase("c").undonePhase(), phase("d")], .none: [phase("e")]])
        let expected = "step 'b': the last step is never undone; its compensation would never run"
        #expect(try problems([phase("a"), steps]) == [expected])
        _ = try SagaDeclaration(Assembled([steps, end]))
        // Beside another branch that is rejected, a branch's last step is undone.
        _ = try SagaDeclaration(Assembled([parallel("both", [phase("b").undonePhase()], [phase("c")])]))
    }

    @Test func casesThatAreToldApart() throws {
        struct Confused: Saga {
            static let name = "confused"
            enum Way: CaseIterable, RawRepresentable {
                case card, cash
                init?(rawValue: String) { nil }
                var rawValue: String { "same" }
            }
            var body: some Step<Int, Int> {
                Choose("way", by: { (_: Int) in Way.card }) { way in
                    switch way {
                    case .card: phase("a")
                    case .cash: phase("b")
                    }
                }
            }
        }
        #expect(try problems(Confused()) == ["step 'way': two of its cases have the same raw value"])
    }

    @Test func namesAreUniqueOverAllWaysAndBranches() throws {
        let steps: [any Step<Int, Int>] = [
            phase("a"), choice("way", [.card: [phase("a")], .invoice: [phase("b")]]),
            parallel("both", [phase("b")], [phase("c")]), each("way", [phase("c")]), end,
        ]
        let repeated = ["a", "b", "way", "c"].map { "step '\($0)': another step has the same recovery point" }
        #expect(try problems(steps) == repeated)
    }

    @Test func stepsInsideAreCheckedLikeAnyOther() throws {
        let steps: [any Step<Int, Int>] = [
            choice("way", [.card: [phase("A")]]), parallel("both", [call("b").timeout(.zero)], [phase("started")]),
            each("all", [phase("c").retry(.fixed(attempts: 0, every: .zero))]), end,
        ]
        #expect(
            try problems(steps) == [
                "step 'A': a recovery point is 1 to 80 characters of a-z, 0-9, _ and -",
                "step 'b': its timeout is 0.0 seconds; it must be positive",
                "step 'started': the recovery points 'started' and 'finished' are reserved",
                "step 'c': it allows 0 attempts; at least 1 is needed",
            ])
    }

    @Test func theLimitCountsWhatIsInside() throws {
        let steps = (1...98).map { phase("s\($0)") }
        #expect(try problems([parallel("both", steps, [phase("a")]), end]) == ["it has 101 steps; the limit is 100"])
    }

    // MARK: Groups

    @Test func aParallelOfOneBranch() throws {
        let one = Parallel("both", join: { (output: Int) in output }) { phase("a") }
        #expect(try problems([one, end]) == ["step 'both': it has 1 branches; a Parallel has 2 to 6"])
    }

    @Test func aParallelOfSevenBranches() throws {
        let seven = Parallel("both", join: { (a: Int, _: Int, _: Int, _: Int, _: Int, _: Int, _: Int) in a }) {
            phase("a")
            phase("b")
            phase("c")
            phase("d")
            phase("e")
            phase("f")
            phase("g")
        }
        #expect(try problems([seven, end]) == ["step 'both': it has 7 branches; a Parallel has 2 to 6"])
    }

    @Test(arguments: [0, -1])
    func concurrencies(concurrency: Int) throws {
        #expect(
            try problems([each("all", concurrency: concurrency, [phase("a")]), end])
                == ["step 'all': its concurrency is \(concurrency); at least 1 is needed"])
    }

    @Test func branchesWithoutSteps() throws {
        #expect(try problems([parallel("both", [phase("a")], []), end]) == ["step 'both': a branch of it has no step"])
        #expect(try problems([each("all", []), end]) == ["step 'all': a branch of it has no step"])
    }

    @Test func branchesWithoutNamesOfTheirOwn() throws {
        let twice = Parallel("both", join: { (a: Int, b: Int, c: Int) in a + b + c }) {
            phase("a")
            Branch("a") { phase("b") }
            Branch("A") { phase("c") }
        }
        #expect(
            try problems([twice, end]) == [
                "step 'both': two of its branches are named 'a'",
                "step 'both': its branch's name 'A' is not 1 to 80 characters of a-z, 0-9, _ and -",
            ])
        let number = "step 'both': its branch's name '1' is a number: give it another with Branch(\"…\")"
        #expect(try problems([parallel("both", [phase("1")], [phase("a")]), end]) == [number])
    }

    @Test func branchesThatWouldEndWithAChoice() throws {
        func problem(_ group: String, _ choice: String) -> String {
            "step '\(group)': its branch would end with the choice '\(choice)'; each way needs a step"
        }
        let skipping = choice("way", [.card: [phase("b")]])
        #expect(try problems([each("all", [phase("a"), skipping]), end]) == [problem("all", "way")])
        let nested = choice("outer", [.card: [skipping], .invoice: [phase("c")], .none: [phase("d")]])
        #expect(try problems([parallel("both", [nested], [phase("a")]), end]) == [problem("both", "way")])
        _ = try SagaDeclaration(Assembled([each("all", [skipping, phase("a")])]))
    }

    @Test func groupsInsideOfGroups() throws {
        let inside = "a Parallel or ForEach is inside of it; make that a child saga"
        let inner = each("inner", [phase("a")])
        #expect(try problems([parallel("both", [inner], [phase("b")]), end]) == ["step 'both': \(inside)"])
        let hidden = choice("way", [.card: [inner], .invoice: [phase("b")], .none: [phase("c")]])
        #expect(try problems([each("all", [hidden]), end]) == ["step 'all': \(inside)"])
        _ = try SagaDeclaration(Assembled([hidden]))
    }

    // MARK: Waits and policies

    @Test func waitsThatAreNone() throws {
        let wait = WaitFor("paid", event: Int.self, timeout: .zero) { (input: Int, _: Int?) in input }
        #expect(try problems([wait, end]) == ["step 'paid': its timeout is 0.0 seconds; it must be positive"])
    }

    @Test func settlingTimes() throws {
        let rule = { CallRule<Int, Int>.atMostOnce(settling: .seconds(-1), reconcile: { _, _ in .unknown("ask") }) }
        let undo = CallRule<Int, Void>.atMostOnce(settling: .seconds(-2), reconcile: { _, _ in .unknown("ask") })
        #expect(
            try problems([call("a", rule()), phase("b").undoneCall(undo), end]) == [
                "step 'a': its settling time is -1.0 seconds",
                "compensation of step 'b': its settling time is -2.0 seconds",
            ])
        _ = try SagaDeclaration(
            Assembled([call("a", .atMostOnce(settling: .zero, reconcile: { _, _ in .unknown("ask") }))]))
    }

    @Test(arguments: [Duration.zero, .seconds(-1)])
    func elapsedTimes(elapsed: Duration) throws {
        let policy = RetryPolicy.fixed(attempts: 3, every: .zero, within: elapsed)
        let expected = "its retries end within \(elapsed); that must be positive"
        #expect(
            try problems([phase("a").retry(policy).undonePhase(retry: policy), end])
                == ["step 'a': \(expected)", "compensation of step 'a': \(expected)"])
    }

    @Test func services() throws {
        let service = ForeignService("Stripe", maxConcurrent: 0)
        #expect(
            try problems([call("a").through(service), end]) == [
                "step 'a': service 'Stripe': its name is not 1 to 80 characters of a-z, 0-9, _ and -",
                "step 'a': service 'Stripe': its maxConcurrent is 0; it must be positive",
            ])
    }

    // MARK: Versions

    @Test func formerNames() throws {
        let steps: [any Step<Int, Int>] = [
            phase("a").renamed(from: "b", "Old", "finished"), phase("b"), phase("c").renamed(from: "c"), end,
        ]
        #expect(
            try problems(steps) == [
                "step 'Old': a recovery point is 1 to 80 characters of a-z, 0-9, _ and -",
                "step 'finished': the recovery points 'started' and 'finished' are reserved",
                "step 'b': another step has the same recovery point",
                "step 'c': another step has the same recovery point",
            ])
    }

    private struct Changed<Versions: SomeVersions>: Saga {
        static var name: String { "changed" }
        static var version: Int { Versions.current }
        static var requestChanges: [RequestChange<Int>] {
            Versions.changes.map { RequestChange(in: $0, from: String.self) { $0.count } }
        }
        var body: some Step<Int, Int> {
            Steps(
                list: Versions.changes.map { change in
                    phase("s\(change)").outputChanged(in: change, from: String.self) { $0.count }
                })
        }
    }

    private protocol SomeVersions: Sendable {
        static var current: Int { get }
        static var changes: [Int] { get }
    }

    private enum First: SomeVersions {
        static let (current, changes) = (1, [1, 2])
    }

    private enum Third: SomeVersions {
        static let (current, changes) = (3, [1, 2, 3, 4])
    }

    @Test("A change that no version brought would be read into what the current one writes")
    func changes() throws {
        func expected(_ change: Int, _ version: Int) -> (String, String) {
            let ending = "changed in version \(change), and the saga's version is \(version)"
            return ("its request \(ending)", "step 's\(change)': its output \(ending)")
        }
        let first = [expected(1, 1), expected(2, 1)]
        #expect(try problems(Changed<First>()) == first.map(\.0) + first.map(\.1))
        let third = [expected(1, 3), expected(4, 3)]
        #expect(try problems(Changed<Third>()) == third.map(\.0) + third.map(\.1))
    }
}
