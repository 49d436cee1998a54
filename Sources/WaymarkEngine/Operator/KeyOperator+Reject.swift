import PostgresPQ
public import Waymark

extension KeyOperator {
    /// Makes `rejection` the answer of a key that has none, as if its next step had thrown it: what was done is undone first.
    ///
    /// A call that may have happened is settled before anything is undone. The rejection is recorded, and a completionist asks
    /// (`reconcile`) or calls again with the same key. If the call happened, it is undone too; if it is the last step, the
    /// request has succeeded, and its answer is the response. If nobody can tell, the key is parked: then say what happened.
    ///
    /// Refused for a key that is on its way back already, that somebody holds, that waits for another saga's work (reject that
    /// one), or whose call nobody can be asked about.
    /// - Parameters:
    ///   - resolution: what is known of the call at which the key stands.
    ///   - step: which of several calls `resolution` is about: see ``resolve(_:as:step:takingOver:reason:)``.
    ///   - takingOver: whether the key is taken from its holder, wherever it is by now. What the holder does cannot be
    ///     committed any more; a call that it is making may happen.
    @discardableResult
    public func reject(
        _ key: SeenKey, with rejection: Rejection, resolving resolution: Resolution? = nil, step: String? = nil,
        takingOver: Bool = false, reason: String
    ) async throws -> AuditEntry {
        let refusal = Refusal(
            verb: "reject", rejection: rejection, resolution: resolution, step: step, takingOver: takingOver)
        return try await reject(key, refusal, reason: reason)
    }

    /// `reject` with a standing answer: status 500, a problem document of type `compensated`.
    @discardableResult
    public func compensate(
        _ key: SeenKey, resolving resolution: Resolution? = nil, step: String? = nil, takingOver: Bool = false,
        reason: String
    ) async throws -> AuditEntry {
        let rejection = Rejection(
            status: 500, type: "compensated", title: "The request was stopped, and what it had done was undone.")
        let refusal = Refusal(
            verb: "compensate", rejection: rejection, resolution: resolution, step: step, takingOver: takingOver)
        return try await reject(key, refusal, reason: reason)
    }

    /// What a person decided on.
    private struct Refusal {
        let verb: String
        let rejection: Rejection
        let resolution: Resolution?
        let step: String?
        let takingOver: Bool

        var answer: StoredAnswer { StoredAnswer(status: rejection.status, body: rejection.body) }
    }

    private func reject(_ key: SeenKey, _ refusal: Refusal, reason: String) async throws -> AuditEntry {
        let verb = refusal.resolution == nil ? refusal.verb : "resolve and \(refusal.verb)"
        return try await operate(verb, on: key, takingOver: refusal.takingOver, reason: reason) { row in
            try row.requireUnfinished()
            try row.requireFree(unless: refusal.takingOver)
            if row.direction == Direction.compensating.rawValue {
                throw OperatorError(.refused, "it is rejected already, and being undone")
            }
            let position = try KeyPosition(row, sagas.saga(named: row.saga).declaration)
            guard let resolution = refusal.resolution else {
                return try change(row, position, refusal, resolved: nil)
            }
            let (line, work) = try position.callInDoubt(named: refusal.step)
            return try change(row, position, refusal, resolved: (line, work, resolution))
        }
    }

    /// - Parameter resolved: the call of which it is known whether it happened.
    private func change(
        _ row: OperatedRow, _ position: KeyPosition, _ refusal: Refusal,
        resolved: (line: KeyPosition.Line, work: Work, as: Resolution)?
    ) throws -> Change {
        var change = Change()
        var (point, done) = (row.recoveryPoint, FinishedStep?.none)
        if let (line, work, resolution) = resolved, case .happened(let output) = resolution {
            let value = try position.output(output, of: work)
            if work.finishes, line.id == .main {
                throw OperatorError(
                    .refused, "'\(position.name(of: work))' is the last step: with it the request succeeded; resolve it"
                )
            }
            change.statements = [commit(value, of: work, on: line, row, position)]
            done = FinishedStep(step: work.step, element: work.element)
            if line.id == .main { (point, change.isInDoubt) = (work.to, false) }
        }
        let open = position.lines.filter { $0.id != resolved?.line.id }
        try position.requireRejectable(open, events: row.events)
        let (answer, error) = (refusal.answer, row.lastError ?? "")
        if open.contains(where: { $0.settling != .needless }) {
            if case .branch = open[0].id {
                change.branches = position.branches(row, resolved: resolved, answer: answer)
            }
            change.statements.append(
                statements.decide(row.id, fence: row.fence, from: point, answer: answer, error: error))
            return change
        }
        if try position.hasNothingToUndo(but: done) {
            let finish = statements.finishRejected(
                row.id, fence: row.fence, from: point, answer: answer, error: error)
            change.statements.append(row.parentEvent == nil ? finish : statements.waking(finish))
        } else {
            change.statements.append(
                statements.reject(row.id, fence: row.fence, from: point, answer: answer, error: error))
        }
        return change
    }
}

extension KeyPosition {
    /// - Throws: `OperatorError` (`refused`) when something is under way that would not be undone.
    fileprivate func requireRejectable(_ lines: [Line], events: [String]) throws {
        for line in lines {
            guard let work = line.work else { continue }
            let name = name(of: work)
            let unknown = OperatorError(
                .refused,
                "whether '\(name)' happened is not known: resolve it first, or say with the rejection what happened")
            switch line.parked.flatMap(ParkedReason.init) {
            case .outcomeUnknown, .horizonPassed: throw unknown
            default: break
            }
            if line.settling == .impossible { throw unknown }
            let event = RecoveryPoint(step: plan[work.step].originalName, element: work.element).description
            if work.isBegun, case .child(let saga) = plan[work.step].kind, !events.contains(event) {
                throw OperatorError(.refused, "'\(name)' waits for the saga '\(saga)': reject that one")
            }
        }
    }

    /// The branches of a group that is to be rejected: none is parked any more, and the one of which a person said what came of
    /// its call is past it.
    fileprivate func branches(
        _ row: OperatedRow, resolved: (line: Line, work: Work, as: Resolution)?, answer: StoredAnswer
    ) -> [String: BranchState] {
        var branches = row.branches.mapValues { branch in
            guard branch.parked != nil else { return branch }
            var branch = branch
            (branch.parked, branch.attempts) = (nil, 1)
            return branch
        }
        guard let (line, work, resolution) = resolved, case .branch(let name, group: _) = line.id else {
            return branches
        }
        switch resolution {
        case .happened: branches[name] = BranchState(point: work.to)
        case .didNotHappen:
            branches[name]?.rejected = BranchState.Answer(status: answer.status, body: answer.body)
        }
        return branches
    }
}
