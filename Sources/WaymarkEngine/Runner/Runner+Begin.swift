import Foundation
import PostgresPQ
import Waymark

/// What is committed before a step is performed.
extension Runner {
    /// Commits that a step is about to be performed, or that it is waited for.
    func begin(_ work: Work) async -> Progression {
        if let end = await endBeforeStep(work) { return end }
        do {
            let input = try self.input(of: work)
            if work.direction == .forward, let value = try skipped(plan[work.step], input) {
                return await progression(
                    of: work,
                    settle(work) {
                        await commitResult(work, value, mark: .skipped)
                    })
            }
            if work.direction == .compensating { return try await beginCall(work) }
            switch plan[work.step].body {
            case .sleep(let wake):
                let end = try storable(wake(input), of: work)
                switch await delay(until: end) {
                case .failure(let error): return unreachable(error)
                case .success(let delay) where delay > .zero: return await rest(work, until: end, delay)
                case .success: return await wakeUp(work, wake)
                }
            case .wait:
                let timeout = plan[work.step].timeout
                return await rest(work, until: .after(timeout), timeout, event: eventName(work))
            case .child(let child): return try await startChild(work, child.request(input), version: child.version)
            case .parallel:
                return await begin(work, remembering: nil, branches: plan.lines(of: work.step).map(plan.label))
            case .forEach(let body): return try await begin(work, body.elements(input))
            case .phase, .writes, .call, .choice:
                try checkRoom(for: work)
                return try await beginCall(work)
            }
        } catch is CancellationError {
            return await interrupted()
        } catch {
            return .next(fail(work, failure(of: error, in: work), Self.text(of: error)))
        }
    }

    /// What an error of a step's own reading of its input comes to.
    func failure(of error: any Error, in work: Work) -> StepFailure {
        switch error {
        case let rejection as Rejection: .rejected(rejection)
        case is UnstorableOutput: .hopeless(.unstorableOutput)
        case is DecodingError, is WaymarkError: .hopeless(.unreadableState)
        // What reads a value that is committed comes to the same the next time.
        default: .unretryable
        }
    }

    /// Begins a call once the service's gate lets it pass: one that is on record as begun, and was not made, would have to be
    /// asked about.
    private func beginCall(_ work: Work) async throws -> Progression {
        switch try await admission(to: work) {
        case .refused(let delay): return await release(after: delay, attempts: machine.state.attempts - 1)
        case .value(let admitted): pass = admitted
        }
        let progression = await begin(work, remembering: nil, branches: [])
        if case .end = progression { pass?.leave(.neither) }
        return progression
    }

    private func begin(_ work: Work, _ elements: (count: Int, stored: StepValue)) async throws -> Progression {
        guard elements.count <= Limits.elements else {
            let error = "\(elements.count) elements; \(Limits.elements) at most"
            return .next(fail(work, .hopeless(.unstorableOutput), error))
        }
        try checkRoom(for: work, elements)
        let branches = (0..<elements.count).map(String.init)
        let progression = await begin(work, remembering: elements.stored, branches: branches)
        journal.record(elements: elements.stored.json, of: work.step)
        return progression
    }

    private func begin(
        _ work: Work, remembering value: StepValue?, branches names: [String]
    ) async -> Progression {
        let point = machine.beginning(of: work)
        let entry = value.map {
            JournalEntry(
                step: point, output: $0.json, attempt: machine.state.attempts, version: saga.declaration.version)
        }
        let update = engine.statements.begin(
            context.id, fence: fence, line.id, going: work.direction, from: work.from, to: point,
            attempts: machine.state.attempts, entry: entry, branches: names)
        // A call that is made anew is begun anew: then the point stays, and only the first sending can have been ours.
        let landed = { @Sendable (row: Location) in row.recoveryPoint == point && point != work.from }
        switch await key.write(.update(engine.statements.orFail(update)), line.id, landed: landed) {
        case .lost: return lost()
        case .failed(let error): return unreachable(error)
        case .done: break
        }
        for name in names { branches[name] = BranchState(point: SagaDeclaration.started) }
        pointCommittedAt = now
        return .next(machine.begun(work, as: point))
    }

    /// Commits that nothing is to be done until `end`, which is `delay` from now, and gives the key back.
    private func rest(_ work: Work, until end: Wake, _ delay: Duration, event: String? = nil) async -> Progression {
        let point = machine.beginning(of: work)
        guard line.isMain else {
            let state = BranchState(point: point, event: event)
            let update = engine.statements.move(
                context.id, fence: fence, line.id, from: work.from, state, isProgress: true, due: delay)
            let written = await key.write(
                .update(engine.statements.orFail(update)), line.id, landed: { $0.recoveryPoint == point })
            return ended(written, as: .branch(.waiting(until: now + delay, event: event, isIdle: true)))
        }
        let update = engine.statements.rest(
            context.id, fence: fence, from: work.from, to: point, until: end, event: event)
        // What is waited for may come at any moment.
        let retryAfter = event == nil ? delay : min(delay, EngineLimits.runningRetryAfter)
        return await giveUp(
            update, as: .progress(SagaProgress(cause: .waiting, recoveryPoint: point, retryAfter: retryAfter)))
    }

    private func ended(_ written: WriteResult, as ending: Ending) -> Progression {
        switch written {
        case .done: .end(ending)
        case .lost: lost()
        case .failed(let error): unreachable(error)
        }
    }

    /// By the database's clock: this machine's would end a sleep early, or a branch's late.
    private func delay(until end: Wake) async -> Result<Duration, PostgresError> {
        switch end {
        case .after(let delay): .success(max(delay, .zero))
        case .at(let date):
            await databaseSeconds().map { .seconds(clamping: max(date.timeIntervalSince1970 - $0, 0)) }
        }
    }

    /// Inserts the child and commits that its answer is waited for, in one transaction.
    private func startChild(_ work: Work, _ request: StepValue, version: Int) async throws -> Progression {
        guard case .child(let saga) = plan[work.step].kind else { preconditionFailure("a child's kind is child") }
        let (event, point, statements) = (eventName(work), machine.beginning(of: work), engine.statements)
        let key = try IdempotencyKey(KeyIdentity.foreignKey(context, recoveryPoint: foreignPoint(work)))
        do {
            try engine.registry.saga(named: saga).checkRoom(for: request.json, engine.configuration.limits)
        } catch {
            throw UnstorableOutput(description: "step '\(plan[work.step].name)': \(error)")
        }
        let child = try AcceptedRequest(
            saga: saga, version: version, request: request, key: key, scope: context.scope)
        let start = statements.start(child, parent: (context.id, event))
        let owner = statements.isChild(child.context.id, of: context.id, saga: saga)
        let wait = Self.childPatience
        let entry = childEntry(work, child.context.id)
        let update =
            line.isMain
            ? statements.rest(
                context.id, fence: fence, from: work.from, to: point, until: .after(wait), event: event, entry: entry)
            : statements.move(
                context.id, fence: fence, line.id, from: work.from, BranchState(point: point, event: event),
                isProgress: true, due: wait, entry: entry)
        let written = await self.key.write(line.id, landed: { $0.recoveryPoint == point }) { postgres in
            try await postgres.startChild(start, owner, update, saga: saga)
        }
        if case .failed(let error) = written, let reason = ParkedReason(lasting: error) {
            return .next(fail(work, .lasting(reason), Self.text(of: error)))
        }
        let progress = SagaProgress(cause: .waiting, recoveryPoint: point, retryAfter: EngineLimits.runningRetryAfter)
        engine.dueNow.ring()
        return ended(
            written,
            as: line.isMain
                ? .concluded(.progress(progress)) : .branch(.waiting(until: now + wait, event: event, isIdle: false)))
    }

    /// What tells whoever looks at the key which child it waits for.
    private func childEntry(_ work: Work, _ child: UUID) -> JournalEntry {
        let point = RecoveryPoint(step: plan[work.step].name, stage: .waiting, element: work.element)
        return JournalEntry(
            step: point.description, output: JSONValue.string(child.uuidString.lowercased()).canonical,
            attempt: machine.state.attempts, version: saga.declaration.version)
    }

    /// A child's answer wakes its parent; this is for an answer that was lost with what somebody did to the tables.
    static let childPatience: Duration = .hours(1)
}

extension PostgresClient {
    /// Inserts a child and moves its parent, in one transaction; false, and nothing done, when the guarded update of the
    /// parent found no row, or when it is not known whether they were committed.
    /// - Parameter owner: asks whether the row with the child's id is the child.
    fileprivate func startChild(
        _ start: PostgresQuery, _ owner: PostgresQuery, _ update: PostgresQuery, saga: String
    ) async throws -> Bool {
        struct NotOurs: Error {}
        do {
            try await withTransaction { transaction in
                let answers = try await transaction.pipeline([start, owner, update])
                if answers[2].isEmpty { throw NotOurs() }
                if answers[1].isEmpty {
                    throw PostgresError(.unexpectedRowCount, "the key for saga '\(saga)' belongs to another request")
                }
            }
            return true
        } catch is NotOurs {
            return false
        } catch let error as PostgresTransactionError {
            if error.error.code == .commitOutcomeUnknown { return false }
            throw error.error
        }
    }
}
