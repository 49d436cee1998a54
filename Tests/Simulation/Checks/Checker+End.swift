import Foundation
import Waymark

/// What must hold once faults have ended and everything is at rest.
extension Checker {
    func checkEnd(of world: World) {
        let store = world.server.store
        var ends = (finished: 0, rejected: 0, parked: 0)
        for row in requests.values.sorted(by: { $0.context.incarnation.uuidString < $1.context.incarnation.uuidString })
        {
            checkEffects(of: row, store, world.provider)
            if row.done {
                checkAnswer(row, world.saga)
                if row.answer?.status == ModelAnswer.successStatus { ends.finished += 1 } else { ends.rejected += 1 }
            } else if row.parkedReason != nil, store.keys[row.id]?.context.incarnation == row.context.incarnation {
                ends.parked += 1
                checkParked(row, world.saga)
            } else {
                fail("\(row.context.key) is neither finished nor rejected nor parked")
            }
        }
        if ends.finished + ends.rejected + ends.parked != acceptedCount { fail("requests were lost") }
        for row in store.keys.values where row.lockedBy != nil || row.leaseUntil > world.now {
            fail("\(row.context.key) is leased in the end")
        }
        if undelivered() > 0 { fail("\(undelivered()) staged jobs were never delivered") }
        for (id, origin) in stagedJobs { checkJob(id, origin) }
        world.tally.finished += ends.finished
        world.tally.rejected += ends.rejected
        world.tally.parked += ends.parked
    }

    private func checkJob(_ id: UUID, _ origin: ModelJob.Origin) {
        guard let row = requests[origin.incarnation] else { return fail("a job of no request") }
        let derived = KeyIdentity.jobID(row.context, recoveryPoint: origin.point, position: origin.position)
        if id != derived { fail("a job's id is another one than its phase's next try would give it") }
    }

    /// Each step that is recorded as done was done once, and so was each undo; and nothing else.
    private func checkEffects(of row: ModelKey, _ store: ModelStore, _ provider: ForeignSystem) {
        let (key, steps) = (row.context.key, row.journal.compactMap(EntryText.step))
        if Set(steps).count != steps.count { fail("\(key) records a step twice: \(steps)") }
        for direction in [Direction.forward, .compensating] {
            for (index, step) in saga.steps.enumerated() {
                let name = direction == .forward ? step.name : DeclaredCompensation.recoveryPoint(undoing: step.name)
                let entry = row.journal.first { EntryText.step($0) == name }
                let isDone = entry.map { !EntryText.isMarked($0, "degraded") } ?? false
                let kind = direction == .forward ? step.kind : step.compensation?.kind
                switch kind {
                case .atomicPhase?:
                    let effect = Effect(incarnation: row.context.incarnation, step: index, direction: direction)
                    let count = store.effects.count { $0 == effect }
                    if count != (isDone ? 1 : 0) { fail("\(key): \(name) took effect \(count) times; done: \(isDone)") }
                case .foreignCall?:
                    let operation = ForeignSystem.Operation(
                        incarnation: row.context.incarnation, step: index, direction: direction)
                    let count = provider.effects[operation, default: []].count
                    if isDone, count != 1 { fail("\(key): \(name) is recorded as done, and happened \(count) times") }
                default: break
                }
            }
        }
    }

    /// The answer is that of the last step, or of a rejection that is undone.
    private func checkAnswer(_ row: ModelKey, _ saga: SimulatedSaga) {
        let forward = row.journal.compactMap(EntryText.step).filter { !$0.contains(":") }
        let undone = row.journal.compactMap(EntryText.step).filter { $0.contains(":") }
        if forward != saga.steps.prefix(forward.count).map(\.name) {
            fail("\(row.context.key) has the journal \(forward)")
        }
        guard row.answer?.status != ModelAnswer.successStatus else {
            let output = row.journal.last.flatMap(EntryText.output).map { "\($0)" }
            if forward.count != saga.steps.count || !undone.isEmpty || row.answer?.body != output {
                fail("\(row.context.key) finished with \(row.journal), and the answer \(row.answer?.body ?? "nil")")
            }
            return
        }
        let toUndo = forward.indices.filter { index in
            let entry = row.journal[index]
            return saga.steps[index].compensation != nil && !EntryText.isMarked(entry, "degraded")
        }
        let expected = toUndo.reversed().map { DeclaredCompensation.recoveryPoint(undoing: saga.steps[$0].name) }
        if undone != expected { fail("\(row.context.key) was rejected, and undid \(undone) of \(expected)") }
    }

    /// Parked for a reason that its step can have.
    private func checkParked(_ row: ModelKey, _ saga: SimulatedSaga) {
        guard let index = stepAtHand(row, saga) else { return fail("\(row.context.key) is parked at no step") }
        let step = saga.steps[index]
        let isUndo = row.direction == .compensating
        let kind = isUndo ? step.compensation?.kind : step.kind
        let retry = isUndo ? step.compensation?.retry : step.retry
        let asks = (isUndo ? step.compensation?.body : step.body)?.reconcile != nil
        switch (row.parkedReason, kind) {
        case (.attemptsExhausted?, _): break
        // A holder that was frozen while it claimed takes the key for older than it is, and asks or parks too early.
        case (.horizonPassed?, .foreignCall(.keyed)?) where !asks: break
        case (.outcomeUnknown?, .foreignCall(.atMostOnce)?): break
        case (.outcomeUnknown?, .foreignCall?) where asks: break
        // A refusal that may only be of the repetition.
        case (.outcomeUnknown?, .foreignCall(.keyed(_, replaysAnswers: false))?) where !isUndo: break
        case (.outcomeUnknown?, .foreignCall?) where step.exhaustion != .park && !isUndo: break
        case (.horizonPassed?, .foreignCall(.keyed)?) where step.exhaustion != .park && !isUndo: break
        default: fail("\(row.context.key) is parked at \(row.recoveryPoint) for \(row.parkedReason?.rawValue ?? "")")
        }
        if row.parkedReason == .attemptsExhausted, let retry, row.attempts < retry.attempts, !isUnretryable(row) {
            fail("\(row.context.key) is parked with \(row.attempts) of \(retry.attempts) attempts")
        }
    }

    private func isUnretryable(_ row: ModelKey) -> Bool {
        // What was declared to be mended by no attempt uses its policy up at once.
        row.lastError?.hasSuffix("for good") == true || row.lastError == "the call fails"
    }

    private func stepAtHand(_ row: ModelKey, _ saga: SimulatedSaga) -> Int? {
        let recorded = row.journal.compactMap(EntryText.step)
        if row.direction == .forward { return saga.steps.indices.first { !recorded.contains(saga.steps[$0].name) } }
        return saga.steps.indices.last { index in
            let step = saga.steps[index]
            guard let entry = row.journal.first(where: { EntryText.step($0) == step.name }), step.compensation != nil
            else {
                return false
            }
            let isUndone = recorded.contains(DeclaredCompensation.recoveryPoint(undoing: step.name))
            return !EntryText.isMarked(entry, "degraded") && !isUndone
        }
    }
}
