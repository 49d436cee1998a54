import Synchronization
import Waymark
import WaymarkTesting

/// A saga of random phases, calls and sleeps, and what the simulation asks of its declaration all the time.
final class SimulatedSaga: Sendable {
    /// How many different ones there are: making one takes as long as simulating a request.
    static let count = 400
    private static let made = Mutex<[Int: SimulatedSaga]>([:])

    let declaration: SagaDeclaration
    /// Each recovery point's place in the order in which they are reached.
    let order: [String: Int]
    let steps: [DeclaredStep]

    init(_ declaration: SagaDeclaration) {
        self.declaration = declaration
        steps = declaration.plan.steps
        order = Dictionary(
            uniqueKeysWithValues: declaration.recoveryPoints.enumerated().map { ($0.element, $0.offset) })
    }

    static func numbered(_ number: Int) -> SimulatedSaga {
        if let saga = made.withLock({ $0[number] }) { return saga }
        var random = SeededGenerator(seed: UInt64(number) &+ 0x5147_A6A0)
        var author = SagaAuthor(random: SeededGenerator(seed: random.next()))
        do {
            let saga = SimulatedSaga(try SagaDeclaration(Assembled(author.steps())))
            made.withLock { $0[number] = saga }
            return saga
        } catch {
            preconditionFailure("saga \(number) is not valid: \(error)")
        }
    }

    /// A step that may kill its process: the first phase must not, since it is then never accepted.
    func poisonable(using random: inout SeededGenerator) -> Int? {
        let candidates = steps.indices.dropFirst().filter { index in
            if case .sleep = steps[index].kind { false } else { true }
        }
        return candidates.randomElement(using: &random)
    }

    /// What every request is.
    static let request = 0

    static func rejection(by step: Int) -> Rejection { Rejection(status: 409, type: "no", title: "s\(step)") }

    /// The kind of what is done, the step's or its compensation's.
    func kind(of work: Work) -> DeclaredStep.Kind {
        let step = steps[work.step]
        guard work.direction == .compensating, let undo = step.compensation else { return step.kind }
        return undo.kind
    }

    /// How many jobs the phase stages.
    func jobs(of work: Work) -> Int { work.direction == .forward ? work.step % 3 : 0 }
}

/// Steps that are only known at run time.
struct Assembled: Saga {
    static let name = "simulated"
    let steps: [any Step<Int, Int>]

    init(_ steps: [any Step<Int, Int>]) { self.steps = steps }

    var body: some Step<Int, Int> { Sequenced(steps: steps) }
}

private struct Sequenced: Step {
    typealias Input = Int
    typealias Output = Int
    let steps: [any Step<Int, Int>]

    func declare(into list: inout StepList) {
        for step in steps { step.declare(into: &list) }
    }
}

/// Writes one saga. Its bodies are never called: what a step does is the simulation's.
private struct SagaAuthor {
    var random: SeededGenerator

    mutating func steps() -> [any Step<Int, Int>] {
        let count = Int.random(in: 2...6, using: &random)
        return (0..<count).map { index in step("s\(index)", isFirst: index == 0, isLast: index == count - 1) }
    }

    private mutating func step(_ name: String, isFirst: Bool, isLast: Bool) -> any Step<Int, Int> {
        switch Int.random(in: 0..<20, using: &random) {
        case 0..<3 where !isFirst:
            let sleep = Sleep(name, for: .milliseconds(Int.random(in: 200...4_000, using: &random)))
            return sleep.passing(Int.self)
        case 3..<11: return configured(AtomicPhase(name) { (input: Int, _) in input }, isLast: isLast)
        default:
            let kind = ruleKind()
            let call = ForeignCall(name, rule(kind)) { (input: Int, _) in input }
            // Nobody could tell whether to give up.
            return configured(call, isLast: isLast, mayGiveUp: kind != Self.plainAtMostOnce)
        }
    }

    private mutating func configured(
        _ step: some ConfigurableStep<Int, Int>, isLast: Bool, mayGiveUp: Bool = true
    ) -> any Step<Int, Int> {
        var step = step.retry(retry()).timeout(timeout())
        switch mayGiveUp ? Int.random(in: 0..<8, using: &random) : 7 {
        case 0: step = step.orElse { $0 }
        case 1, 2: step = step.rejectWhenExhausted(status: 503, type: "used_up", title: "Used up.")
        default: break
        }
        guard !isLast else { return step }
        switch Int.random(in: 0..<4, using: &random) {
        case 0: return step
        case 1, 2:
            return step.compensate(retry: undoRetry(), timeout: timeout()) { (_: Int, _: Transaction) in }
        default:
            return step.compensate(rule(ruleKind()), retry: undoRetry(), timeout: timeout()) { (_: Int, _: Call) in }
        }
    }

    private static let plainAtMostOnce = 5

    private mutating func ruleKind() -> Int { Int.random(in: 0..<8, using: &random) }

    private mutating func rule<Output>(_ kind: Int) -> CallRule<Int, Output> {
        let ask: CallRule<Int, Output>.Reconcile = { _, _ in .unknown("never asked") }
        // Longer than a lease and a timeout: a holder may be frozen for as long as its lease before it sends.
        let settling = Duration.milliseconds(Int.random(in: 5_500...8_000, using: &random))
        let horizon = Duration.milliseconds(Int.random(in: 3_000...9_000, using: &random))
        let replays = Bool.random(using: &random)
        return switch kind {
        case 0: .natural
        case 1, 2: .keyed(horizon: horizon, replaysAnswers: replays)
        case 3, 4: .keyed(horizon: horizon, replaysAnswers: replays, reconcile: ask)
        case Self.plainAtMostOnce: .atMostOnce
        default: .atMostOnce(settling: settling, reconcile: ask)
        }
    }

    private mutating func retry() -> RetryPolicy {
        let attempts = Int.random(in: 2...7, using: &random)
        let base = Duration.milliseconds(Int.random(in: 0...800, using: &random))
        switch Int.random(in: 0..<8, using: &random) {
        case 0: return .none
        case 1..<4: return .fixed(attempts: attempts, every: base)
        default: return .exponential(attempts: attempts, base: base, cap: base + .seconds(4))
        }
    }

    /// Patient: a compensation that gives up parks, and then the rest of the way back is not simulated.
    private mutating func undoRetry() -> RetryPolicy {
        .exponential(
            attempts: Int.random(in: 4...20, using: &random), base: .milliseconds(200), cap: .seconds(3))
    }

    private mutating func timeout() -> Duration { .milliseconds(Int.random(in: 400...2_000, using: &random)) }
}
