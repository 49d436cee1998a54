import Waymark
import WaymarkTesting

/// A saga of random steps, choices, policies and compensations; always a valid one.
struct RandomSaga {
    let declaration: SagaDeclaration

    init(using random: inout SeededGenerator) throws {
        var author = Author(random: random)
        let steps = author.sequence(of: Int.random(in: 1...6, using: &author.random), endsSaga: true, depth: 0)
        random = author.random
        declaration = try SagaDeclaration(Assembled(steps))
    }
}

/// Writes one saga.
private struct Author {
    var random: SeededGenerator
    private var steps = 0

    init(random: SeededGenerator) {
        self.random = random
    }

    mutating func sequence(of count: Int, endsSaga: Bool, depth: Int) -> [any Step<Int, Int>] {
        (0..<count).map { index in
            let isLast = endsSaga && index == count - 1
            return depth < 2 && chance(1, in: 6) ? choice(endsSaga: isLast, depth: depth) : step(isLast: isLast)
        }
    }

    private mutating func choice(endsSaga: Bool, depth: Int) -> any Step<Int, Int> {
        let name = name("c")
        var ways: [Route: [any Step<Int, Int>]] = [:]
        for route in Route.allCases {
            let count = Int.random(in: (endsSaga ? 1 : 0)...2, using: &random)
            ways[route] = sequence(of: count, endsSaga: endsSaga, depth: depth + 1)
        }
        return WaymarkTests.choice(name, ways)
    }

    private mutating func step(isLast: Bool) -> any Step<Int, Int> {
        let name = name("s")
        if chance(1, in: 2) { return configured(phase(name), isLast: isLast) }
        let kind = ruleKind()
        // Nobody could tell whether to give up.
        return configured(call(name, rule(kind)), isLast: isLast, mayGiveUp: kind != Self.plainAtMostOnce)
    }

    private mutating func name(_ letter: String) -> String {
        steps += 1
        return "\(letter)\(steps)"
    }

    private mutating func configured(
        _ step: some ConfigurableStep<Int, Int>, isLast: Bool, mayGiveUp: Bool = true
    ) -> any ConfigurableStep<Int, Int> {
        var step = step.retry(retry()).timeout(seconds(1...5))
        if chance(1, in: 4) { step = step.when { !$0.isMultiple(of: 3) } }
        switch mayGiveUp ? Int.random(in: 0..<4, using: &random) : 3 {
        case 0: step = step.orElse { $0 + 1_000 }
        case 1: step = step.rejectWhenExhausted(status: 503, type: "used_up", title: "Used up.")
        default: break
        }
        guard !isLast else { return step }
        switch Int.random(in: 0..<3, using: &random) {
        case 0: return step
        case 1: return step.undonePhase(retry: retry())
        default: return step.undoneCall(rule(ruleKind()), retry: retry(), timeout: seconds(1...5))
        }
    }

    private static let plainAtMostOnce = 3

    private mutating func ruleKind() -> Int { Int.random(in: 0..<6, using: &random) }

    private mutating func rule<Output>(_ kind: Int) -> CallRule<Int, Output> {
        let ask: CallRule<Int, Output>.Reconcile = { _, _ in .unknown("ask") }
        return switch kind {
        case 0: .natural
        case 1: .keyed(horizon: seconds(6...30), replaysAnswers: chance(1, in: 2))
        case 2: .keyed(horizon: seconds(6...30), replaysAnswers: chance(1, in: 2), reconcile: ask)
        case Self.plainAtMostOnce: .atMostOnce
        default: .atMostOnce(settling: seconds(0...20), reconcile: ask)
        }
    }

    private mutating func retry() -> RetryPolicy {
        let attempts = Int.random(in: 1...8, using: &random)
        let base = Duration.milliseconds(Int.random(in: 0...3_000, using: &random))
        let elapsed = chance(1, in: 4) ? seconds(1...30) : nil
        switch Int.random(in: 0..<8, using: &random) {
        case 0: return .none
        case 1..<4: return .fixed(attempts: attempts, every: base, within: elapsed)
        default: return .exponential(attempts: attempts, base: base, cap: base + .seconds(5), within: elapsed)
        }
    }

    private mutating func seconds(_ range: ClosedRange<Int>) -> Duration {
        .seconds(Int.random(in: range, using: &random))
    }

    private mutating func chance(_ part: Int, in whole: Int) -> Bool {
        Int.random(in: 0..<whole, using: &random) < part
    }
}
