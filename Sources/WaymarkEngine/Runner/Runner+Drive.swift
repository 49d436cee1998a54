import Waymark

/// From one thing to do to the next, as the state machine says.
extension Runner {
    /// Goes on with a key that is held, until it is answered, given back, parked or lost.
    func run() async -> Conclusion {
        conclusion(of: await resume())
    }

    /// Goes on from the recovery point.
    func resume() async -> Ending {
        action = machine.resume(sincePoint: sincePoint)
        return await pursue()
    }

    func conclusion(of ending: Ending) -> Conclusion {
        guard case .concluded(let conclusion) = ending else {
            preconditionFailure("the key's own line ends with a conclusion")
        }
        return conclusion
    }

    /// How pursuing a line ended.
    enum Ending: Sendable {
        case concluded(Conclusion)
        indirect case branch(BranchEnd)
    }

    /// Where performing an action led.
    enum Progression {
        case next(RunMachine.Action)
        indirect case end(Ending)
    }

    /// Does one thing after the other, from `action` on.
    func pursue() async -> Ending {
        while true {
            if let ending = await act() { return ending }
        }
    }

    /// Does what is next, and finds out what comes then. What that is stays out of the frames of those who wait.
    @inline(never)
    private func act() async -> Ending? {
        guard case .perform(let work)? = action else { return take(await record()) }
        return take(await performAndSettle(work))
    }

    /// - Returns: the ending, where there is nothing more to do.
    func take(_ progression: Progression) -> Ending? {
        switch progression {
        case .next(let next):
            action = next
            return nil
        case .end(let ending): return ending
        }
    }

    /// Whatever is done beside performing.
    @inline(never)
    private func record() async -> Progression {
        switch action {
        case nil, .perform: preconditionFailure("what is performed is settled")
        case .done: .end(ending)
        case .begin(let work): await begin(work)
        case .reconcile(let work): await reconcile(work)
        case .degrade(let work): await degrade(work)
        case .retry(let delay): await recordAttempt(waiting: delay)
        case .reject(let rejection, let finishes): await reject(rejection, finishes: finishes)
        case .release(let delay, let counted):
            await release(after: delay, attempts: machine.state.attempts - (counted ? 0 : 1))
        case .park(let reason): await park(reason)
        }
    }

    private var ending: Ending {
        guard line.isMain else {
            guard let value = try? result() else { return .branch(.parked(.unreadableState, "no result")) }
            return .branch(.finished(value: value, journal, done: machine.state.done))
        }
        guard let answer else { preconditionFailure("a finished key has an answer") }
        return .concluded(.answered(answer, replayed: false))
    }

    private func performAndSettle(_ work: Work) async -> Progression {
        // Whatever becomes of the work, its place at the service's gate is free again; leaving twice does nothing.
        defer {
            pass?.leave(.neither)
            pass = nil
        }
        if let end = await endBeforeStep(work) { return end }
        if work.direction == .forward, plan[work.step].isAwaited { return await goOn(with: work) }
        return await progression(beside: await settle(work), of: work)
    }

    /// Goes on with a step that is not tried but come back to.
    private func goOn(with work: Work) async -> Progression {
        switch plan[work.step].body {
        case .sleep(let wake): await wakeUp(work, wake)
        case .wait(let body): await receive(work, body)
        case .child(let body): await receive(work, body)
        case .parallel, .forEach: await runGroup(work)
        case .phase, .writes, .call, .choice: preconditionFailure("nothing is awaited")
        }
    }

    private func progression(beside settlement: Settlement, of work: Work) async -> Progression {
        if let end = await recordCall(beside: settlement) { return end }
        return await progression(of: work, settlement)
    }

    /// What a settled piece of work leads to.
    func progression(of work: Work, _ settlement: Settlement) async -> Progression {
        switch settlement {
        case .committed(let value, let mark):
            return .next(advance(past: work, with: value, mark: mark))
        case .called(let call):
            unrecorded = call
            return .next(advance(past: work, with: call.value))
        case .failed(let failure, let error):
            return .next(fail(work, failure, error))
        case .refused(let delay):
            return await release(after: delay, attempts: machine.state.attempts - 1)
        case .interrupted:
            machine.brokeOff(work)
            return await interrupted()
        case .lost:
            return lost()
        case .unreachable(let error):
            return unreachable(error)
        }
    }

    /// Whether the line goes no further: the process stops, or a branch beside it was rejected.
    func endBeforeStep(_ work: Work) async -> Progression? {
        if work.direction == .forward, journal.contains(FinishedStep(step: work.step, element: work.element)) {
            // The steps of the declaration stand in another order than those of the one that committed it.
            lastError = "step '\(journalName(work))' is committed already, and would be performed again"
            return await park(.unreadableState)
        }
        // With the call before it, it is one step.
        if unrecorded != nil { return nil }
        if engine.held.isStopping { return await handBack() }
        guard let stop = line.stop, stop.isSet, isFresh(work) else { return nil }
        return .end(.branch(.stopped))
    }

    /// Whether nothing of the work can have happened yet. A branch that was read from the row may have begun a call.
    private func isFresh(_ work: Work) -> Bool {
        if work.isBegun || machine.state.attempts > 1 { return false }
        if case .foreignCall = plan[work.step].kind { return plan[work.step].beginning != nil || current != nil }
        return true
    }
}

extension DeclaredStep {
    /// Whether it is begun, and come back to when something has come or is over.
    fileprivate var isAwaited: Bool {
        switch body {
        case .sleep, .wait, .child, .parallel, .forEach: true
        case .phase, .writes, .call, .choice: false
        }
    }
}
