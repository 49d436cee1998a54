import Testing
import WaymarkTesting

@testable import Waymark

extension SimulatedRun {
    /// How many runs a random test makes.
    static let count = 5_000

    /// Runs random sagas to their ends, and hands each run on with what to say of it.
    static func forEach(_ test: String = #function, _ body: (SimulatedRun, Comment) throws -> Void) rethrows {
        let seed = Seed(for: test)
        for index in 0..<count {
            var random = seed.generator(index)
            guard let declaration = try? RandomSaga(using: &random).declaration else {
                Issue.record("saga \(index) of seed \(seed.value) is not valid")
                continue
            }
            var run = SimulatedRun(declaration, changesHolders: false, random: random)
            run.run()
            try body(run, "run \(index) of seed \(seed.value): \(run.points) \(String(describing: run.end))")
        }
    }

    /// Whether the work is a call that is made again, once its policy is used up, to learn whether it happened.
    func settlesByCalling(_ work: Work) -> Bool {
        let step = declaration.plan[work.step]
        guard work.direction == .forward, step.exhaustion != .park, step.body.reconcile == nil else { return false }
        return matters(work) && (step.exhaustion != .degrade || step.compensation != nil)
    }

    /// Whether an effect of the work would have to be known before the request is rejected or the step degraded.
    func matters(_ work: Work) -> Bool {
        guard case .foreignCall(let idempotence) = policy(of: work).kind else { return false }
        return idempotence != .natural || declaration.plan[work.step].compensation != nil
    }

    /// What is declared for a piece of work.
    func policy(of work: Work) -> (kind: DeclaredStep.Kind, retry: RetryPolicy, timeout: Duration) {
        let step = declaration.plan[work.step]
        if work.direction == .compensating, let undo = step.compensation {
            return (undo.kind, undo.retry, undo.timeout)
        }
        return (step.kind, step.retry, step.timeout)
    }
}
