import PostgresPQ
import Waymark

/// What a person found out about a call of which no result was known.
public enum Resolution: Sendable, Hashable {
    /// It had its effect, and this is what it returned, as JSON; nil or `null` for a compensation, which returns nothing.
    case happened(output: String?)
    /// It had no effect, and will have none: it may be made again.
    case didNotHappen
}

extension KeyOperator {
    /// Says what came of the foreign call, or the compensation by one, at which a key or a branch of it is parked with
    /// `outcome_unknown`, `horizon_passed` or `attempts_exhausted`, or which may have happened and is to be made again or
    /// asked about.
    ///
    /// One that happened is committed as if it had just returned. One that did not is made again, or, where the request is
    /// to be rejected, not made any more.
    /// - Parameters:
    ///   - step: which of several calls: the call's name, for an element of a ForEach `sent[3]`.
    ///   - takingOver: whether the key is taken from its holder, wherever it is by now.
    /// - Throws: also `OperatorError` (`invalidOutput`) when the output is not JSON that decodes as the step's.
    @discardableResult
    public func resolve(
        _ key: SeenKey, as resolution: Resolution, step: String? = nil, takingOver: Bool = false, reason: String
    ) async throws -> AuditEntry {
        try await operate("resolve", on: key, takingOver: takingOver, reason: reason) { row in
            try row.requireUnfinished()
            try row.requireFree(unless: takingOver)
            let position = try KeyPosition(row, sagas.saga(named: row.saga).declaration)
            let (line, work) = try position.callInDoubt(named: step)
            try position.requireResolvable(line, work)
            // The doubt of a group is about its other branches, too.
            var change = Change(isInDoubt: line.id == .main ? false : nil)
            switch resolution {
            case .happened(let output):
                let value = try position.output(output, of: work)
                change.statements = [commit(value, of: work, on: line, row, position)]
            case .didNotHappen:
                change.statements = [try repeatable(work, on: line, row, position)]
            }
            return change
        }
    }

    /// The update that a runner would have committed the call's result with.
    func commit(
        _ json: String, of work: Work, on line: KeyPosition.Line, _ row: OperatedRow, _ position: KeyPosition
    ) -> PostgresQuery {
        let isForward = work.direction == .forward
        let point = RecoveryPoint(
            step: position.plan[work.step].name, stage: isForward ? nil : .undone, element: work.element)
        let entry = JournalEntry(
            step: point.description, output: json, attempt: max(line.state.attempts, 1),
            version: position.declaration.version, mark: .resolved)
        guard work.finishes, line.id == .main else {
            return statements.advance(
                row.id, fence: row.fence, line.id, going: work.direction, from: work.from, to: work.to, entry: entry)
        }
        let answer = isForward ? StoredAnswer(status: StoredAnswer.successStatus, body: json) : nil
        let finish = statements.finish(row.id, fence: row.fence, from: work.from, entry: entry, answer: answer)
        return row.parentEvent == nil ? finish : statements.waking(finish)
    }

    /// The update after which the call is made again. It also sets the time back from which horizons count.
    private func repeatable(
        _ work: Work, on line: KeyPosition.Line, _ row: OperatedRow, _ position: KeyPosition
    ) throws -> PostgresQuery {
        var point = work.from
        if work.isBegun, case .foreignCall(.atMostOnce) = position.kind(of: work) {
            point = try position.point(before: work, of: line)
        }
        return statements.begin(
            row.id, fence: row.fence, line.id, going: work.direction, from: work.from, to: point, attempts: 1)
    }
}

extension KeyPosition {
    /// The line whose next work is the foreign call `step`; without a name, the only one that is parked, or the only one
    /// whose call may have happened.
    func callInDoubt(named step: String?) throws -> (Line, Work) {
        let all = lines.compactMap { line in line.work.map { (line, $0) } }
        let parked = all.filter { $0.0.parked != nil }
        let doubtful = all.filter { $0.0.settling != .needless }
        let candidates = step != nil || parked.isEmpty ? parked + doubtful.filter { $0.0.parked == nil } : parked
        let named = candidates.filter { step == nil || name(of: $0.1) == step }
        guard let (line, work) = named.first, named.count == 1 else {
            let names = candidates.map { name(of: $0.1) }.joined(separator: ", ")
            throw OperatorError(
                .refused,
                names.isEmpty
                    ? "it is not parked at a step, and no call of it may have happened"
                    : "name the step: the call may be \(names)")
        }
        guard case .foreignCall = kind(of: work) else {
            throw OperatorError(.refused, "'\(name(of: work))' is no foreign call")
        }
        return (line, work)
    }

    /// - Throws: `OperatorError` (`refused`) when the line is parked for a reason that no word on its call removes.
    fileprivate func requireResolvable(_ line: Line, _ work: Work) throws {
        switch line.parked.flatMap(ParkedReason.init) {
        case .outcomeUnknown, .horizonPassed, .attemptsExhausted: return
        case nil where line.parked == nil: return
        default: throw OperatorError(.refused, "'\(name(of: work))' is parked because of \(line.parked ?? "")")
        }
    }

    /// What a call is said to have returned, as the step's type encodes it.
    func output(_ json: String?, of work: Work) throws -> String {
        let step = name(of: work)
        guard work.direction == .forward else {
            let nothing = StepValue.nothing.json
            guard json ?? nothing == nothing else {
                throw OperatorError(.invalidOutput, "the compensation of '\(step)' returns nothing")
            }
            return nothing
        }
        guard let json else { throw OperatorError(.invalidOutput, "say what '\(step)' returned") }
        do {
            // Strict, as a client's JSON is.
            let parsed = try JSONValue(parsing: json).canonical
            let value = try plan[work.step].decodeOutput(parsed, declaration.version)
            var encoded = parsed
            if let value = value as? any Encodable { encoded = try JSONCoding.encodeForStorage(value) }
            guard encoded.utf8.count <= Limits.valueBytes else {
                throw OperatorError(.invalidOutput, "the output of '\(step)' is over \(Limits.valueBytes) bytes")
            }
            return encoded
        } catch let error as DecodingError {
            throw OperatorError(error, in: step)
        } catch let error as WaymarkError {
            throw OperatorError(.invalidOutput, "the output of '\(step)': \(error)")
        }
    }
}
