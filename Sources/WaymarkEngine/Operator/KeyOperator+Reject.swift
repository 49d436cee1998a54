import PostgresPQ
public import Waymark

extension KeyOperator {
    /// Makes `rejection` the answer of a key that has none and that nobody holds, as if its next step had thrown it: what
    /// was done is undone first.
    ///
    /// Refused for a key that is on its way back already, and while something is under way that would not be undone: a call
    /// of unknown outcome (`resolve` it first), another saga's work (reject that one).
    @discardableResult
    public func reject(_ key: SeenKey, with rejection: Rejection, reason: String) async throws -> AuditEntry {
        try await reject(key, with: rejection, verb: "reject", reason: reason)
    }

    /// `reject` with a standing answer: status 500, a problem document of type `compensated`.
    @discardableResult
    public func compensate(_ key: SeenKey, reason: String) async throws -> AuditEntry {
        let rejection = Rejection(
            status: 500, type: "compensated", title: "The request was stopped, and what it had done was undone.")
        return try await reject(key, with: rejection, verb: "compensate", reason: reason)
    }

    private func reject(
        _ key: SeenKey, with rejection: Rejection, verb: String, reason: String
    ) async throws -> AuditEntry {
        try await operate(verb, on: key, reason: reason) { row in
            try row.requireUnfinished()
            if row.isHeld { throw OperatorError(.refused, "somebody is working on it: release it first") }
            if row.direction == Direction.compensating.rawValue {
                throw OperatorError(.refused, "it is rejected already, and being undone")
            }
            let position = try KeyPosition(row, sagas.saga(named: row.saga).declaration)
            try position.requireNothingUnderWay(events: row.events)
            let answer = StoredAnswer(status: rejection.status, body: rejection.body)
            let (point, error) = (row.recoveryPoint, row.lastError ?? "")
            guard try position.hasNothingToUndo() else {
                return Change(statements: [
                    statements.reject(row.id, fence: row.fence, from: point, answer: answer, error: error)
                ])
            }
            let finish = statements.finishRejected(
                row.id, fence: row.fence, from: point, answer: answer, error: error)
            return Change(statements: [row.parentEvent == nil ? finish : statements.waking(finish)])
        }
    }
}

extension KeyPosition {
    fileprivate func requireNothingUnderWay(events: [String]) throws {
        for line in lines {
            guard let work = line.work else { continue }
            let name = name(of: work)
            switch line.parked.flatMap(ParkedReason.init) {
            case .outcomeUnknown, .horizonPassed:
                throw OperatorError(.refused, "whether '\(name)' happened is not known: resolve it first")
            default: break
            }
            guard work.isBegun else { continue }
            let event = RecoveryPoint(step: plan[work.step].originalName, element: work.element).description
            switch plan[work.step].kind {
            case .foreignCall(.atMostOnce):
                throw OperatorError(.refused, "whether '\(name)' happened is not known: resolve it first")
            case .child(let saga) where !events.contains(event):
                throw OperatorError(.refused, "'\(name)' waits for the saga '\(saga)': reject that one")
            default: continue
            }
        }
    }
}
