import PostgresPQ
import Testing

@testable import Waymark

/// Every problem a declaration can have, word for word: it is all that an author gets to see.
@Suite struct SagaValidationTests {
    private func problems(_ steps: [any Step<Int, Int>]) throws -> [String] {
        try problems(Assembled(steps))
    }

    private func problems(_ saga: some Saga) throws -> [String] {
        let error = #expect(throws: SagaDeclarationError.self) { try SagaDeclaration(saga) }
        return try #require(error).problems
    }

    @Test(arguments: ["", "Book", "book ride", "bücher", "a:undone", "a.b", String(repeating: "n", count: 81)])
    func stepNames(name: String) throws {
        #expect(
            try problems([phase("a"), phase(name)])
                == ["step '\(name)': a recovery point is 1 to 80 characters of a-z, 0-9, _ and -"]
        )
    }

    @Test(arguments: ["started", "finished"])
    func reservedNames(name: String) throws {
        #expect(
            try problems([phase(name)])
                == ["step '\(name)': the recovery points 'started' and 'finished' are reserved"]
        )
    }

    @Test(arguments: ["a", "0", "-", "_", "a-b_9", String(repeating: "n", count: 80)])
    func goodNames(name: String) throws {
        #expect(try SagaDeclaration(Assembled([phase(name)])).steps[0].name == name)
    }

    @Test func sagaNamesAndVersions() throws {
        struct Misnamed: Saga {
            static let name = "Book Ride"
            static let version = 0
            var body: some Step<Int, Int> { phase("a") }
        }
        #expect(
            try problems(Misnamed()) == [
                "the saga's name 'Book Ride' is not 1 to 80 characters of a-z, 0-9, _ and -",
                "the saga's version is 0; it counts from 1",
            ]
        )
    }

    @Test func repeatedPoints() throws {
        let repeated = "step 'a': another step has the same recovery point"
        #expect(try problems([phase("a"), call("a"), phase("b"), phase("a")]) == [repeated, repeated])
    }

    /// The first of two was ignored: a compensation that never ran, a condition that nobody asked.
    @Test func modifiersThatAreGivenTwice() throws {
        let undo: @Sendable (Int, Transaction) async throws -> Void = { _, _ in }
        let steps: [(AtomicPhase<Int, Int>, String)] = [
            (phase("a").retry(.none).retry(.exponential()), "retry"),
            (phase("a").timeout(.seconds(1)).timeout(.seconds(2)), "timeout"),
            (phase("a").compensate(undo).compensate(undo), "compensate"),
            (phase("a").outputBytes(atMost: 1).outputBytes(atMost: 2), "outputBytes"),
            (phase("a").when { $0 > 0 }.when { $0 < 9 }, "when"),
            (
                phase("a").orElse(1).rejectWhenExhausted(status: 409, type: "no", title: "No."),
                "orElse or rejectWhenExhausted"
            ),
        ]
        for (step, modifier) in steps {
            #expect(
                try problems([step, phase("z")])
                    == ["step 'a': \(modifier) is declared twice; one of the two would be ignored"])
        }
    }

    /// Names of the past come one after the other, also where each was declared when it went.
    @Test func everyFormerNameCounts() throws {
        let step = try SagaDeclaration(Assembled([phase("c").renamed(from: "a").renamed(from: "b")])).steps[0]
        #expect(step.formerNames == ["a", "b"])
        #expect(step.originalName == "a")
    }

    @Test func tooManySteps() throws {
        let steps = (1...101).map { phase("s\($0)") }
        #expect(try problems(steps) == ["it has 101 steps; the limit is 100"])
    }

    @Test func noSteps() throws {
        #expect(try problems([]) == ["it has no steps"])
    }

    @Test func aCompensationThatCouldNeverRun() throws {
        let expected = "step 'b': the last step is never undone; its compensation would never run"
        #expect(try problems([phase("a").undonePhase(), phase("b").undonePhase()]) == [expected])
    }

    @Test(arguments: [Duration.zero, .seconds(-1)])
    func timeouts(timeout: Duration) throws {
        let expected = "its timeout is \(timeout); it must be positive"
        #expect(
            try problems([phase("a").undonePhase(timeout: timeout), phase("b").timeout(timeout)])
                == ["compensation of step 'a': \(expected)", "step 'b': \(expected)"]
        )
    }

    @Test(arguments: [0, -1])
    func attempts(attempts: Int) throws {
        let policy = RetryPolicy.exponential(attempts: attempts)
        let expected = "it allows \(attempts) attempts; at least 1 is needed"
        #expect(
            try problems([phase("a").undonePhase(retry: policy), phase("b").retry(policy)])
                == ["compensation of step 'a': \(expected)", "step 'b': \(expected)"]
        )
    }

    @Test func delays() throws {
        let steps: [any Step<Int, Int>] = [
            phase("a").retry(.exponential(base: .seconds(2), cap: .seconds(1))),
            phase("b").retry(.fixed(attempts: 2, every: .seconds(-1))),
        ]
        #expect(
            try problems(steps) == [
                "step 'a': its retry delays run from 2.0 seconds to 1.0 seconds",
                "step 'b': its retry delays run from -1.0 seconds to -1.0 seconds",
            ]
        )
    }

    @Test func horizons() throws {
        let expected = "its horizon of 20.0 seconds is not longer than its timeout of 20.0 seconds"
        #expect(
            try problems([
                call("a", .keyed(horizon: .seconds(20))).timeout(.seconds(20)),
                call("b", .keyed(horizon: .seconds(20))).timeout(.seconds(19))
                    .undoneCall(.keyed(horizon: .seconds(20)), timeout: .seconds(20)),
                phase("c"),
            ]) == ["step 'a': \(expected)", "compensation of step 'b': \(expected)"]
        )
    }

    @Test func allProblemsAreToldAtOnce() throws {
        let error = #expect(throws: SagaDeclarationError.self) {
            try SagaDeclaration(
                Assembled([phase("A"), call("started"), phase("b").retry(.exponential(attempts: 0)), phase("b")])
            )
        }
        #expect(
            error?.description == """
                saga 'assembled' cannot run as declared: \
                step 'A': a recovery point is 1 to 80 characters of a-z, 0-9, _ and -; \
                step 'started': the recovery points 'started' and 'finished' are reserved; \
                step 'b': it allows 0 attempts; at least 1 is needed; \
                step 'b': another step has the same recovery point
                """
        )
        #expect(error?.saga == "assembled")
    }
}
