import Testing
import WaymarkTesting

@testable import Waymark

/// What holds for every saga and all luck.
@Suite struct RunMachinePropertyTests {
    @Test func everyRunKeepsThePromises() throws {
        var ends: [String: Int] = [:]
        try SimulatedRun.forEach { run, note in
            let end = try #require(run.end, note)
            checkPoints(run, note)
            checkAttempts(run, note)
            checkHorizons(run, note)
            checkDelays(run, note)
            checkPath(run, end, note)
            #expect(run.strays.isEmpty, note)
            for manner in Set(run.commits.map(\.manner)) { ends["\(manner)", default: 0] += 1 }
            if run.delays.contains(where: \.isSettling) { ends["settling", default: 0] += 1 }
            switch end {
            case .finished: ends["finished", default: 0] += 1
            case .rejected(let rejection): ends[rejection.status == 503 ? "used up" : "rejected", default: 0] += 1
            case .parked(let reason): ends[reason.rawValue, default: 0] += 1
            }
        }
        // Otherwise the runs above show little.
        let all = [
            "finished", "rejected", "used up", "attempts_exhausted", "horizon_passed", "unstorable_output",
            "outcome_unknown", "decided", "skipped", "degraded", "reconciled", "settling",
        ]
        for end in all { #expect(ends[end, default: 0] > SimulatedRun.count / 100, "\(end) in \(ends)") }
    }

    @Test func aNewHolderGoesOnAsTheOldOneWould() throws {
        let seed = Seed()
        for index in 0..<SimulatedRun.count {
            var random = seed.generator(index)
            let declaration = try RandomSaga(using: &random).declaration
            var inMemory = SimulatedRun(declaration, changesHolders: false, random: random)
            var fromTheRow = SimulatedRun(declaration, changesHolders: true, random: random)
            inMemory.run()
            fromTheRow.run()
            try #require(inMemory.end == fromTheRow.end, "run \(index) of seed \(seed.value)")
            try #require(inMemory.performances == fromTheRow.performances, "run \(index) of seed \(seed.value)")
            try #require(inMemory.commits == fromTheRow.commits, "run \(index) of seed \(seed.value)")
        }
    }

    /// Recovery points only move along the declared order, and end at `finished` exactly when there is an answer.
    private func checkPoints(_ run: SimulatedRun, _ note: Comment) {
        let declared = run.declaration.recoveryPoints
        let order = run.points.map { declared.firstIndex(of: $0) ?? -1 }
        #expect(order.allSatisfy { $0 >= 0 }, note)
        #expect(zip(order, order.dropFirst()).allSatisfy { $0 < $1 }, note)
        if case .parked = run.end {
            #expect(run.points.last != SagaDeclaration.finished, note)
        } else {
            #expect(run.points.last == SagaDeclaration.finished, note)
        }
    }

    /// No step is tried more often or longer than its policy allows, over all holders, and attempts count upwards: from 1
    /// and without a gap, where none goes into a beginning or a question.
    private func checkAttempts(_ run: SimulatedRun, _ note: Comment) {
        for (operation, tries) in Dictionary(grouping: run.performances, by: { SimulatedProvider.Operation($0.work) }) {
            let (_, retry, _) = run.policy(of: tries[0].work)
            let attempts = tries.map(\.attempt)
            let step = run.declaration.plan[operation.step]
            let undo = operation.direction == .compensating ? step.compensation : nil
            let asks = (undo?.body ?? step.body).reconcile != nil
            let isBegunAlone = undo?.isBegunAlone ?? (step.beginning != nil)
            if asks || isBegunAlone {
                #expect(zip(attempts, attempts.dropFirst()).allSatisfy { $0 < $1 }, note)
            } else {
                #expect(attempts == Array(1...tries.count), note)
            }
            // What may have happened is called again until somebody knows.
            let settles = run.settlesByCalling(tries[0].work)
            let most = retry.attempts + (settles ? RunMachine.settlingCalls : 0)
            #expect(attempts.allSatisfy { $0 <= most }, note)
            #expect(
                tries.allSatisfy { settles || $0.attempt == 1 || $0.sincePoint <= retry.elapsed ?? $0.sincePoint }, note
            )
            #expect(tries.dropLast().allSatisfy { !$0.isCommitted }, note)
        }
    }

    /// Past it only what is known not to have happened is called.
    private func checkHorizons(_ run: SimulatedRun, _ note: Comment) {
        for performance in run.performances where !performance.isResolved {
            let (kind, _, timeout) = run.policy(of: performance.work)
            guard case .foreignCall(.keyed(let horizon, _)) = kind else { continue }
            #expect(performance.sincePoint + timeout < horizon, note)
        }
    }

    private func checkDelays(_ run: SimulatedRun, _ note: Comment) {
        for delay in run.delays {
            let (kind, retry, _) = run.policy(of: delay.work)
            if delay.isSettling, case .foreignCall(.atMostOnce(let settling)) = kind {
                #expect(!delay.isHeld && delay.delay > .zero && delay.delay <= settling, note)
                continue
            }
            #expect(delay.isHeld == (delay.delay <= RunMachine.longestWaitHolding), note)
            let cap = run.settlesByCalling(delay.work) ? max(retry.cap, .minutes(2)) : retry.cap
            #expect(delay.delay <= max(cap, delay.retryAfter ?? .zero), note)
            #expect(delay.delay >= delay.retryAfter ?? .zero, note)
        }
    }

    /// Committed steps are a prefix of the way through the saga that was chosen; what is undone is exactly those that were
    /// done and have a compensation, in reverse.
    private func checkPath(_ run: SimulatedRun, _ end: SimulatedRun.End, _ note: Comment) {
        let plan = run.declaration.plan
        let path = way(through: run.declaration.steps, run.machine.state.choices)
        let forward = run.commits.filter { $0.work.direction == .forward }
        let undone = run.commits.filter { $0.work.direction == .compensating }.map(\.work.step)
        let toUndo = forward.filter { $0.counts && plan[$0.work.step].compensation != nil }.map(\.work.step)
        #expect(forward.map { plan[$0.work.step].name } == Array(path.prefix(forward.count)), note)
        #expect(run.commits.map(\.work.step) == forward.map(\.work.step) + undone, note)
        switch end {
        case .finished:
            #expect(forward.count == path.count && undone.isEmpty, note)
            #expect(
                plan.result(ofLine: StepPlan.main, run.machine.state.choices) == .output(forward.last?.work.step ?? -1),
                note)
        case .rejected(let rejection):
            #expect(undone == toUndo.reversed(), note)
            guard forward.count < path.count, let refusing = plan.index(named: path[forward.count]) else {
                Issue.record(note)
                return
            }
            let own = Rejection(status: 409, type: "no", title: "\(refusing)")
            #expect(rejection == own || plan[refusing].exhaustion == .reject(rejection), note)
        case .parked(let reason):
            // The declaration never changes here: there is always a next step.
            #expect(reason != .unreadableState, note)
            #expect(undone == Array(toUndo.reversed().prefix(undone.count)), note)
        }
    }

    /// The names of the steps that lie on the way that was chosen.
    private func way(through steps: [DeclaredStep], _ choices: StepPlan.Choices) -> [String] {
        steps.flatMap { step in
            let chosen = step.branches.first { $0.label == choices[step.name] }
            return [step.name] + (chosen.map { way(through: $0.steps, choices) } ?? [])
        }
    }
}
