import Testing

@testable import Waymark

/// What foreign systems see of random runs: lost answers, late effects and dead holders included.
@Suite struct ProviderPropertyTests {
    @Test func noEffectIsRepeatedLostOrLeftBehind() {
        var (repeated, asked, undone) = (0, 0, 0)
        SimulatedRun.forEach { run, note in
            checkEffects(run, note)
            repeated += checkRepeats(run, note)
            asked += checkCommits(run, note)
            undone += checkRejection(run, note)
        }
        // Otherwise the runs above show little.
        #expect(min(repeated, asked, undone) > SimulatedRun.count / 500, "\(repeated), \(asked), \(undone)")
    }

    private func checkEffects(_ run: SimulatedRun, _ note: Comment) {
        for operation in run.provider.operations { #expect(run.provider.effects(of: operation) == 1, note) }
    }

    /// An at-most-once call is made again only once it is known not to have happened. Gives how often.
    private func checkRepeats(_ run: SimulatedRun, _ note: Comment) -> Int {
        #expect(run.repeats.isEmpty, note)
        var repeated = 0
        let calls = run.performances.filter { isAtMostOnce(run.policy(of: $0.work).kind) }
        for tries in Dictionary(grouping: calls, by: { SimulatedProvider.Operation($0.work) }).values {
            #expect(tries.dropFirst().allSatisfy { $0.isResolved }, note)
            repeated += tries.count - 1
        }
        return repeated
    }

    /// What the saga takes for done is done, and what it takes for not done is not. Gives how often that was asked.
    private func checkCommits(_ run: SimulatedRun, _ note: Comment) -> Int {
        var asked = 0
        for commit in run.commits {
            guard case .foreignCall = run.policy(of: commit.work).kind else { continue }
            let effects = run.provider.effects(of: SimulatedProvider.Operation(commit.work))
            switch commit.manner {
            case .performed, .reconciled: #expect(effects == 1, note)
            case .skipped: #expect(effects == 0, note)
            case .degraded
            where run.settlesByCalling(commit.work) || run.declaration.plan[commit.work.step].body.reconcile != nil:
                #expect(effects == 0, note)
                asked += 1
            case .degraded, .decided: break
            }
        }
        return asked
    }

    /// A rejected request leaves no effect behind but those that are not to be undone. Gives how many are undone.
    private func checkRejection(_ run: SimulatedRun, _ note: Comment) -> Int {
        guard case .rejected = run.end else { return 0 }
        var undone = 0
        for operation in run.provider.operations where operation.direction == .forward {
            let step = run.declaration.plan[operation.step]
            let manners = run.commits.filter { $0.work.step == operation.step }.map(\.manner)
            switch manners.first {
            case nil:
                // Only a natural call without an undo may be left as it is.
                #expect(step.kind == .foreignCall(.natural) && step.compensation == nil, note)
            case .performed, .reconciled:
                #expect(manners.count == (step.compensation == nil ? 1 : 2), note)
                undone += manners.count - 1
            case .degraded, .skipped, .decided: break
            }
        }
        return undone
    }

    private func isAtMostOnce(_ kind: DeclaredStep.Kind) -> Bool {
        if case .foreignCall(.atMostOnce) = kind { true } else { false }
    }
}
