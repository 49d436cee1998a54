@testable import Waymark

/// What happens to steps: their bodies, the foreign system, and holders that die.
extension SimulatedRun {
    /// When a call takes effect.
    private enum Landing {
        case never, atOnce
        /// After its answer was given up, but before it is settled.
        case late
    }

    mutating func perform(_ work: Work) -> RunMachine.Action {
        pending = work
        let step = declaration.plan[work.step]
        if work.direction == .forward {
            let input = input(of: work)
            if !work.isBegun, step.condition?(input) == false { return commit(work, as: .skipped) }
            if case .choice = step.kind { return commit(work, as: .decided) }
        }
        performances.append(
            Performance(
                work: work, attempt: machine.state.attempts, sincePoint: sincePoint, isResolved: isResolved))
        isResolved = false
        if case .foreignCall(.atMostOnce) = policy(of: work).kind,
            provider.effects(of: SimulatedProvider.Operation(work)) > 0
        {
            repeats.append(work)
        }
        let sentAt = now
        now += .milliseconds(Int.random(in: 0...1_000, using: &random))
        return conclude(work, sentAt: sentAt)
    }

    private mutating func conclude(_ work: Work, sentAt: Duration) -> RunMachine.Action {
        switch Int.random(in: 0..<100, using: &random) {
        case 0..<52:
            land(work, .atOnce, sentAt: sentAt)
            performances[performances.count - 1].isCommitted = true
            return commit(work, as: .performed)
        case 52..<74:
            land(work, anyLanding(), sentAt: sentAt)
            return fail(work, .transient(retryAfter: nil))
        case 74..<77:
            land(work, anyLanding(), sentAt: sentAt)
            return fail(work, .transient(retryAfter: .milliseconds(Int.random(in: 0...5_000, using: &random))))
        case 77..<79:
            return fail(work, .notHappened(retryAfter: nil))
        case 79..<85 where mayRefuse(work):
            return fail(work, .rejected(Rejection(status: 409, type: "no", title: "\(work.step)")))
        case 85:
            land(work, .atOnce, sentAt: sentAt)
            return fail(work, .hopeless(.unstorableOutput))
        case 86..<88:
            land(work, anyLanding(), sentAt: sentAt)
            return fail(work, .unretryable)
        default:
            land(work, anyLanding(), sentAt: sentAt)
            return die()
        }
    }

    /// A system that does not replay answers also refuses the repetition of a call that has happened.
    private func mayRefuse(_ work: Work) -> Bool {
        if case .foreignCall(.keyed(_, replaysAnswers: false)) = policy(of: work).kind { return true }
        return provider.effects(of: SimulatedProvider.Operation(work)) == 0
    }

    private mutating func anyLanding() -> Landing {
        switch Int.random(in: 0..<4, using: &random) {
        case 0, 1: .never
        case 2: .atOnce
        default: .late
        }
    }

    private mutating func land(_ work: Work, _ landing: Landing, sentAt: Duration) {
        guard case .foreignCall(let idempotence) = policy(of: work).kind, landing != .never else { return }
        var instant = now
        if landing == .late, case .atMostOnce(let settling) = idempotence {
            let latest = max(pointCommittedAt + settling, sentAt)
            let share = Double(Int.random(in: 0...100, using: &random)) / 100
            instant = min(latest, sentAt + (latest - sentAt) * share)
        }
        provider.receive(SimulatedProvider.Operation(work), idempotence, at: instant)
    }

    mutating func begin(_ work: Work) -> RunMachine.Action {
        pending = work
        let isSkipped =
            work.direction == .forward && declaration.plan[work.step].condition?(input(of: work)) == false
        if isSkipped { return commit(work, as: .skipped) }
        let luck = Int.random(in: 0..<100, using: &random)
        if luck < 5 { return die() }
        let point = machine.beginning(of: work)
        if points.last != point { points.append(point) }
        pointCommittedAt = now
        let action = machine.begun(work, as: point)
        return luck < 10 ? die() : action
    }

    mutating func reconcile(_ work: Work) -> RunMachine.Action {
        pending = work
        now += .milliseconds(Int.random(in: 0...1_000, using: &random))
        let operation = SimulatedProvider.Operation(work)
        switch Int.random(in: 0..<100, using: &random) {
        case 0..<3:
            return .park(.outcomeUnknown)
        case 3..<15:
            note(.transient(retryAfter: nil))
            return machine.reconcileFailed(
                work, .transient(retryAfter: nil), sincePoint: sincePoint, using: &random)
        case 15..<20:
            return die()
        default:
            if provider.happened(operation, by: now) { return commit(work, as: .reconciled) }
            isResolved = true
            return machine.resolvedAsNotHappened(work, sincePoint: sincePoint)
        }
    }

    /// Commits the work, with the output that comes of it.
    mutating func commit(_ work: Work, as manner: Commit.Manner) -> RunMachine.Action {
        let commit = Commit(work: work, manner: manner)
        commits.append(commit)
        points.append(work.to)
        pointCommittedAt = now
        isResolved = false
        var choice: String?
        if work.direction == .forward {
            let (step, input) = (declaration.plan[work.step], input(of: work))
            switch manner {
            case .performed, .reconciled: current = input + work.step + 1
            case .degraded: current = (try? step.fallback?(input).read() as? Int) ?? -1
            case .skipped: current = (try? step.skip?(input).read() as? Int) ?? -1
            case .decided: if case .choice(let choose) = step.body { choice = choose(input) }
            }
            if manner != .decided { outputs[work.step] = current }
        }
        return afterCommit(machine.committed(work, choice: choice, counts: commit.counts))
    }

    /// What the step takes, from where it is stored.
    private mutating func input(of work: Work) -> Int {
        let stored: Int? =
            switch declaration.plan.source(of: work.step, machine.state.choices) {
            case .line: 0
            case .output(let index): outputs[index]
            case .undeclaredWay: nil
            }
        if stored != current { strays.append(work) }
        return stored ?? current
    }
}
