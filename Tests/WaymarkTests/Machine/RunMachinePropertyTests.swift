import Testing

@testable import Waymark

/// What holds for every saga and all luck.
@Suite struct RunMachinePropertyTests {
    private static let runs = 5_000

    @Test func everyRunKeepsThePromises() throws {
        let seed = Seed()
        var ends: [String: Int] = [:]
        for index in 0..<Self.runs {
            var random = seed.generator(index)
            let declaration = try RandomSaga(using: &random).declaration
            var run = SimulatedRun(declaration, changesHolders: false, random: random)
            run.run()
            let note: Comment = "run \(index) of seed \(seed.value): \(run.points) \(String(describing: run.end))"
            let end = try #require(run.end, note)
            checkPoints(run, note)
            checkAttempts(run, note)
            checkHorizons(run, note)
            checkDelays(run, note)
            checkEffects(run, end, note)
            switch end {
            case .finished: ends["finished", default: 0] += 1
            case .rejected: ends["rejected", default: 0] += 1
            case .parked(let reason): ends[reason.rawValue, default: 0] += 1
            }
        }
        // Otherwise the runs above show little.
        for end in ["finished", "rejected", "attempts_exhausted", "horizon_passed", "unstorable_output"] {
            #expect(ends[end, default: 0] > Self.runs / 100, "\(end) in \(ends)")
        }
    }

    @Test func aNewHolderGoesOnAsTheOldOneWould() throws {
        let seed = Seed()
        for index in 0..<Self.runs {
            var random = seed.generator(index)
            let declaration = try RandomSaga(using: &random).declaration
            var inMemory = SimulatedRun(declaration, changesHolders: false, random: random)
            var fromTheRow = SimulatedRun(declaration, changesHolders: true, random: random)
            inMemory.run()
            fromTheRow.run()
            try #require(inMemory.end == fromTheRow.end, "run \(index) of seed \(seed.value)")
            try #require(inMemory.performances == fromTheRow.performances, "run \(index) of seed \(seed.value)")
        }
    }

    /// Recovery points only move along the declared order, and end at `finished` exactly when there is an answer.
    private func checkPoints(_ run: SimulatedRun, _ note: Comment) {
        let order = run.points.map { run.declaration.recoveryPoints.firstIndex(of: $0) ?? -1 }
        #expect(order.allSatisfy { $0 >= 0 }, note)
        #expect(zip(order, order.dropFirst()).allSatisfy { $0 < $1 }, note)
        if case .parked = run.end {
            #expect(run.points.last != SagaDeclaration.finished, note)
        } else {
            #expect(run.points.last == SagaDeclaration.finished, note)
        }
    }

    /// No step is tried more often than its policy allows, over all holders, and attempts count from 1 upwards.
    private func checkAttempts(_ run: SimulatedRun, _ note: Comment) {
        for tries in Dictionary(grouping: run.performances, by: { "\($0.work)" }).values {
            #expect(tries.map(\.attempt) == Array(1...tries.count), note)
            #expect(tries.count <= policy(of: tries[0].work, run).retry.attempts, note)
            #expect(tries.dropLast().allSatisfy { !$0.isCommitted }, note)
        }
    }

    private func checkHorizons(_ run: SimulatedRun, _ note: Comment) {
        for performance in run.performances {
            let (kind, _, timeout) = policy(of: performance.work, run)
            guard case .foreignCall(.keyed(let horizon)) = kind else { continue }
            #expect(performance.sincePoint + timeout < horizon, note)
        }
    }

    private func checkDelays(_ run: SimulatedRun, _ note: Comment) {
        for (delay, isHeld, retryAfter, work) in run.delays {
            #expect(isHeld == (delay <= RunMachine.longestWaitHolding), note)
            #expect(delay <= max(policy(of: work, run).retry.cap, retryAfter ?? .zero), note)
            #expect(delay >= retryAfter ?? .zero, note)
        }
    }

    /// Committed steps are a prefix of the saga; what is undone is exactly those with a compensation, in reverse.
    private func checkEffects(_ run: SimulatedRun, _ end: SimulatedRun.End, _ note: Comment) {
        let steps = run.declaration.steps
        let committed = run.performances.filter(\.isCommitted).map(\.work)
        let done = committed.filter { $0.direction == .forward }.map(\.step)
        let undone = committed.filter { $0.direction == .compensating }.map(\.step)
        let toUndo = Array(done.filter { steps[$0].compensation != nil }.reversed())
        #expect(done == Array(0..<done.count), note)
        #expect(committed.map(\.step) == done + undone, note)
        switch end {
        case .finished:
            #expect(done.count == steps.count && undone.isEmpty, note)
        case .rejected(let rejection):
            #expect(undone == toUndo, note)
            #expect(done.count < steps.count, note)
            #expect(rejection == Rejection(status: 409, type: "no", title: "\(done.count)"), note)
        case .parked(let reason):
            // The declaration never changes here: there is always a next step.
            #expect(reason != .unreadableState, note)
            #expect(undone == Array(toUndo.prefix(undone.count)), note)
        }
    }

    private func policy(
        of work: Work,
        _ run: SimulatedRun
    ) -> (kind: DeclaredStep.Kind, retry: RetryPolicy, timeout: Duration) {
        let step = run.declaration.steps[work.step]
        if work.direction == .compensating, let undo = step.compensation {
            return (undo.kind, undo.retry, undo.timeout)
        }
        return (step.kind, step.retry, step.timeout)
    }
}
