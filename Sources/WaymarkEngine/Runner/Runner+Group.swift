import PostgresPQ
import Waymark

/// The branches of a Parallel or ForEach.
extension Runner {
    /// Goes on with every branch of the group that has something to do; then joins them, or gives the key back.
    func runGroup(_ work: Work) async -> Progression {
        let group: Group
        do {
            group = try self.group(of: work)
        } catch {
            return .next(fail(work, .hopeless(.unreadableState), Self.text(of: error)))
        }
        let (ends, isFull) = await run(group)
        hasRunGroup = true
        var done = machine.state.done
        for case .finished(_, let journal, let committed) in ends {
            self.journal.merge(journal)
            done += committed
        }
        machine.learned(done: done)
        machine.ranBranches(isInDoubt: ends.contains { if case .interrupted(true) = $0 { true } else { false } })
        current = nil
        return await conclude(work, group, ends, isFull: isFull)
    }

    /// The branches, and what they were given.
    private struct Group {
        let input: any Sendable
        let lines: [Line]
        let concurrency: Int
        /// What its join is known to take so far; nil where it has no bound.
        var room: JoinRoom?
    }

    private func group(of work: Work) throws -> Group {
        let input = try self.input(of: work)
        // Before anything of them runs: of other branches than these nothing could be committed, and nothing joined.
        let branches = try GroupBranches(of: work.step, stored: branches, journal, plan).all
        func line(_ branch: GroupBranches.Branch, _ input: any Sendable, _ bytes: Int) -> Line {
            let id = LineID.branch(branch.name, group: work.from)
            return Line(number: branch.line, id: id, element: branch.element, input: input, inputBytes: bytes)
        }
        switch plan[work.step].body {
        case .forEach(let body):
            guard case .forEach(let concurrency) = plan[work.step].kind, let stored = journal.elements[work.step] else {
                throw WaymarkError(.unknownName, "no elements of '\(plan[work.step].name)'", field: "journal")
            }
            let elements = try body.decode(stored)
            guard elements.count == branches.count else {
                throw WaymarkError(
                    .unknownName, "\(elements.count) elements and \(branches.count) branches", field: "branches")
            }
            let bytes = stored.utf8.count / max(elements.count, 1)
            let lines = zip(branches, elements).map { line($0, $1, bytes) }
            return Group(input: input, lines: lines, concurrency: concurrency, room: joinRoom(of: work, lines.count))
        default:
            let lines = branches.map { line($0, input, inputBytes(of: work)) }
            return Group(input: input, lines: lines, concurrency: lines.count)
        }
    }

    private func run(_ group: Group) async -> (ends: [BranchEnd], isFull: Bool) {
        let stop = StopFlag()
        if branches.values.contains(where: { $0.rejected != nil }) { stop.set() }
        // Branches begin in order, so many at a time: of those that have recorded nothing, no other can have begun.
        let untouched = group.lines.filter { branches[$0.name]?.isUntouched ?? true }
        let fresh = Set(untouched.dropFirst(group.concurrency).map(\.name))
        return await withTaskGroup(of: (Int, BranchEnd).self) { tasks in
            var ends = [BranchEnd?](repeating: nil, count: group.lines.count)
            var (next, room) = (0, group.room)
            func addNext() {
                // What the join cannot hold is not begun.
                guard room?.isFull != true, next < group.lines.count else { return }
                let line = group.lines[next]
                let (index, runner) = (next, branchRunner(line, stop, isFresh: fresh.contains(line.name)))
                tasks.addTask { (index, await runner.runBranch()) }
                next += 1
            }
            for _ in 0..<group.concurrency { addNext() }
            while let (index, end) = await tasks.next() {
                ends[index] = end
                if case .rejected = end { stop.set() }
                if case .finished(_, let journal, _) = end { room?.add(journal, group.lines[index], plan) }
                addNext()
            }
            // What is at its end is joined: then the join itself tells.
            return (ends.compactMap(\.self), room?.isFull == true && next < group.lines.count)
        }
    }

    /// - Parameter isFresh: whether nothing of the branch can have happened.
    private func branchRunner(_ line: Line, _ stop: StopFlag, isFresh: Bool) -> sending Runner {
        let state = branches[line.name] ?? BranchState(point: SagaDeclaration.started)
        var line = line
        line.due = state.due
        line.stop = stop
        // One that has nothing to do yet was given back by its last runner, who knew.
        let isInDoubt = state.doubt == true || self.machine.state.isInDoubt && !isFresh && state.due == nil
        let machine = RunMachine(
            declaration: saga.declaration, line: line.number, element: line.element,
            state: RunState(
                recoveryPoint: state.point, attempts: max(state.attempts, 1),
                choices: journal.choices(plan, element: line.element), isInDoubt: isInDoubt,
                deaths: self.machine.state.deaths, verdict: self.machine.state.verdict))
        // What it takes first is in memory only where nothing of it can have happened: also of a group begun just now.
        let input = isFresh || state.since == nil ? line.input : nil
        let since = state.since.flatMap { since in
            key.databaseClock.map { $0.at + .seconds(clamping: since - $0.seconds) }
        }
        return Runner(
            of: line, machine, on: key, input: input, journal: journal, branches: branches, events: events,
            pointCommittedAt: since ?? pointCommittedAt, lastError: lastError)
    }

    /// Goes on with one branch until it is over, or has nothing to do for now.
    private func runBranch() async -> BranchEnd {
        let state = branches[line.name]
        defer { hold.endLine(line.name) }
        if let reason = state?.parked { return .parked(ParkedReason(rawValue: reason) ?? .unreadableState, nil) }
        if let rejected = state?.rejected { return .rejected(Rejection(status: rejected.status, json: rejected.body)) }
        if state?.isFinished == true {
            guard let value = try? result() else { return .parked(.unreadableState, "no result of a finished branch") }
            return .finished(value: value, journal, done: [])
        }
        // A person's rejection does not wait for a backoff.
        if let due = line.due, machine.state.verdict == nil, let clock = key.databaseClock,
            state?.event.map({ events[$0] == nil }) ?? true
        {
            let left = Duration.seconds(clamping: due - clock.seconds) - (now - clock.at)
            if left > Self.tolerance { return .waiting(until: now + left, event: state?.event, isIdle: isIdle) }
        }
        switch await resume() {
        case .branch(let end): return end
        case .concluded: preconditionFailure("a branch has no conclusion of its own")
        }
    }

    /// What the branches' ends mean for the key: the first of these that one of them asks for.
    private func conclude(
        _ work: Work, _ group: Group, _ ends: [BranchEnd], isFull: Bool
    ) async -> Progression {
        for case .unreachable(let error) in ends { return unreachable(error) }
        for case .lost in ends { return lost() }
        if ends.contains(where: { if case .interrupted = $0 { true } else { false } }) { return await interrupted() }
        for case .parked(let reason, let error) in ends {
            lastError = error
            return await park(reason)
        }
        let verdict = machine.state.verdict
        let isRejected = verdict != nil || ends.contains { if case .rejected = $0 { true } else { false } }
        let waits = ends.compactMap { end -> (until: ContinuousClock.Instant, event: String?, isResting: Bool)? in
            // What only lets time pass does not hold up the way back.
            guard case .waiting(let until, let event, let isIdle) = end, !isRejected || !isIdle else { return nil }
            return (until, event, isIdle || event != nil)
        }
        if let until = waits.map(\.until).min() {
            // Another branch may have been at work for long since.
            return await release(
                after: max(until - now, .zero), attempts: machine.state.attempts - 1,
                events: waits.compactMap(\.event),
                cause: waits.allSatisfy(\.isResting) ? .waiting : .backoff)
        }
        if let verdict { return await rejectGroup(work, verdict) }
        for case .rejected(let rejection) in ends { return await rejectGroup(work, rejection) }
        if isFull {
            lastError = Self.plain("step '\(plan[work.step].name)': \(joinError(group.lines.count))")
            return await park(.unstorableOutput)
        }
        return await join(work, group, ends)
    }

    /// Turns round, also for what branches committed that did not end.
    private func rejectGroup(_ work: Work, _ rejection: Rejection) async -> Progression {
        if let end = await relearn() { return end }
        return .next(fail(work, .rejected(rejection), "rejected with status \(rejection.status)"))
    }

    /// Reads what is committed from the row: it is undone from its end, whichever branch committed it.
    func relearn() async -> Progression? {
        let query = engine.statements.reread(context.id, fence: fence)
        let read = await engine.postgres.patiently { postgres in
            try await postgres.query(query).first?.decode(String.self)
        }
        switch read {
        case .failure(let error): return unreachable(error)
        case .success(nil): return lost()
        case .success(let json?):
            do {
                journal = try Journal(json: json, plan: plan)
                machine.learned(done: journal.done)
                return nil
            } catch {
                lastError = Self.text(of: error)
                return .next(.park(.unreadableState))
            }
        }
    }

    private func join(_ work: Work, _ group: Group, _ ends: [BranchEnd]) async -> Progression {
        let outputs = ends.compactMap { end in
            if case .finished(let value, _, done: _) = end { value } else { nil }
        }
        do {
            let value: StepValue
            switch plan[work.step].body {
            case .parallel(let join): value = try join(outputs)
            case .forEach(let body): value = try body.join(group.input, outputs)
            default: preconditionFailure("a group's body is one of a group")
            }
            let settlement = await settle(work) { await commitResult(work, value) }
            branches = [:]
            return await progression(of: work, settlement)
        } catch {
            return .next(fail(work, failure(of: error, in: work), Self.text(of: error)))
        }
    }
}
