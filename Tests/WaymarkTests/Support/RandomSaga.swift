import Waymark

/// A saga of random steps, policies and compensations; always a valid one.
struct RandomSaga {
    let declaration: SagaDeclaration

    init(using random: inout SeededGenerator) throws {
        let count = Int.random(in: 1...8, using: &random)
        var steps: [any ConfigurableStep<Int, Int>] = []
        for index in 1...count {
            let step: any ConfigurableStep<Int, Int> =
                Bool.random(using: &random)
                ? phase("s\(index)") : call("s\(index)", Self.idempotence(using: &random))
            steps.append(Self.configured(step, isLast: index == count, using: &random))
        }
        declaration = try SagaDeclaration(Assembled(steps))
    }

    private static func configured(
        _ step: some ConfigurableStep<Int, Int>,
        isLast: Bool,
        using random: inout SeededGenerator
    ) -> any ConfigurableStep<Int, Int> {
        let step = step.retry(retry(using: &random)).timeout(.seconds(Int.random(in: 1...5, using: &random)))
        guard !isLast else { return step }
        switch Int.random(in: 0..<3, using: &random) {
        case 0: return step
        case 1: return step.undonePhase(retry: retry(using: &random))
        default:
            let timeout = Duration.seconds(Int.random(in: 1...5, using: &random))
            return step.undoneCall(
                idempotence(using: &random),
                retry: retry(using: &random),
                timeout: timeout
            )
        }
    }

    private static func idempotence(using random: inout SeededGenerator) -> Idempotence {
        Bool.random(using: &random) ? .natural : .keyed(horizon: .seconds(Int.random(in: 6...30, using: &random)))
    }

    private static func retry(using random: inout SeededGenerator) -> RetryPolicy {
        let attempts = Int.random(in: 1...8, using: &random)
        let base = Duration.milliseconds(Int.random(in: 0...3_000, using: &random))
        switch Int.random(in: 0..<8, using: &random) {
        case 0: return .none
        case 1..<4: return .fixed(attempts: attempts, every: base)
        default: return .exponential(attempts: attempts, base: base, cap: base + .seconds(5))
        }
    }
}
