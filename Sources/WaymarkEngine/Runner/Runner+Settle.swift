import Foundation
import Logging
import PostgresPQ
import Waymark

extension Runner {
    /// What became of a piece of work, beyond doubt.
    enum Settlement {
        case committed(StepValue, JournalEntry.Mark?)
        /// The call was made, and its result waits for the next phase's commit.
        case called(UnrecordedCall)
        indirect case failed(StepFailure, String)
        /// A foreign service's limits do not allow the call for so long.
        indirect case refused(Duration)
        case interrupted
        case lost
        indirect case unreachable(PostgresError)
    }

    /// Performs work until it is known whether it is committed: reruns after conflicts and lost connections, in place.
    func settle(_ work: Work) async -> Settlement {
        var reruns = Reruns()
        while true {
            if let settlement = await settlement(of: work, await perform(work), &reruns) { return settlement }
        }
    }

    func settle(_ work: Work, _ attempt: () async -> Verdict) async -> Settlement {
        var reruns = Reruns()
        while true {
            if let settlement = await settlement(of: work, await attempt(), &reruns) { return settlement }
        }
    }

    private struct Reruns {
        var conflicts = 0
        var outages = 0
    }

    /// What a verdict means; nil for another try, after a pause where there was a conflict.
    @inline(never)
    private func settlement(of work: Work, _ verdict: Verdict, _ reruns: inout Reruns) async -> Settlement? {
        switch verdict {
        case .committed(let value, let mark): return .committed(value, mark)
        case .called(let call): return .called(call)
        case .refused(let delay): return .refused(delay)
        case .failed(.lasting(let reason), let error) where reruns.outages > 0:
            // What it collided with may be an earlier try's, committed meanwhile.
            let place = await whereabouts(of: work)
            if case .committed(let value) = place { return .committed(value, nil) }
            return .failed(.lasting(reason), error)
        case .failed(let failure, let error): return .failed(failure, error)
        case .interrupted: return .interrupted
        case .lost: return .lost
        case .unreachable(let error): return .unreachable(error)
        case .conflict(let error):
            reruns.conflicts += 1
            if reruns.conflicts > EngineLimits.conflictReruns { return .failed(.transient(retryAfter: nil), error) }
            let pause = Double.random(in: 0...EngineLimits.conflictPause.inSeconds)
            return (try? await engine.clock.sleep(.seconds(pause))) == nil ? .interrupted : nil
        case .uncertain(let error):
            reruns.outages += 1
            switch await whereabouts(of: work) {
            case .committed(let value): return .committed(value, nil)
            case .notCommitted:
                logger.notice("step is rerun after a lost connection", metadata: ["point": .string(work.from)])
                if reruns.outages <= EngineLimits.outageReruns { return nil }
                return .failed(.transient(retryAfter: nil), Self.text(of: error))
            case .lost: return .lost
            case .unreachable(let error): return .unreachable(error)
            case .unreadable(let error): return .failed(.hopeless(.unreadableState), error)
            }
        }
    }

    /// On which side of its commit a piece of work is.
    enum Whereabouts {
        case committed(StepValue)
        case notCommitted
        case lost
        indirect case unreachable(PostgresError)
        case unreadable(String)
    }

    /// Asks the row. The fence and the recovery point written in the very transaction tell.
    func whereabouts(of work: Work) async -> Whereabouts {
        let location: Location?
        switch await key.locate(line.id, step: journalName(work)) {
        case .failure(let error): return .unreachable(error)
        case .success(let found): location = found
        }
        guard let location, location.incarnation == context.incarnation, location.fence == fence else { return .lost }
        if location.recoveryPoint == origin(of: work) { return .notCommitted }
        guard location.recoveryPoint == work.to else { return .lost }
        guard work.direction == .forward else { return .committed(.nothing) }
        // What was committed may be an earlier try's: the row's value counts, not the one in memory.
        guard let json = location.lastOutput else { return .lost }
        do {
            let stored = try plan[work.step].decodeOutput(json, saga.declaration.version)
            return .committed(StepValue(value: stored, json: work.finishes ? location.answer?.body ?? json : json))
        } catch {
            return .unreadable(Self.text(of: error))
        }
    }

    /// Sorts an error that a step or its commit threw.
    func verdict(on error: any Error, of work: Work) -> Verdict {
        switch error {
        case _ where Task.isCancelled && !(error is Rejection) && !error.isUnknownCommit:
            // Whatever the body made of the cancellation: it did not fail by itself.
            return .interrupted
        case let rejection as Rejection:
            return .failed(.rejected(rejection), "rejected with status \(rejection.status)")
        case is GuardFailed:
            return .uncertain(PostgresError(.server, "the guard found no row"))
        case let error as PostgresTransactionError:
            // A failing guard (1/0), a lost connection, an unknown outcome: the row tells. Anything else at COMMIT is
            // the transaction's own failure, such as a deferred constraint's.
            return verdict(on: error.error, of: work, mayBeCommitted: error.stage != .commit)
        case let error as PostgresError:
            return verdict(on: error, of: work, mayBeCommitted: false)
        case let error as UnstorableOutput:
            return .failed(.hopeless(.unstorableOutput), Self.text(of: error))
        case is StepTimeout:
            return .failed(failure(ofTrying: work, error), "the step timed out")
        default:
            return .failed(failure(ofTrying: work, error), Self.text(of: error))
        }
    }

    /// What an error that a body or its commit threw comes to, by the step's policy.
    private func failure(ofTrying work: Work, _ error: any Error) -> StepFailure {
        let step = plan[work.step]
        let mayMend =
            work.direction == .forward ? step.isRetryable(error) : !isPhase(work) || RetryPolicy.mayMend(error)
        let transient = error as? TransientError
        let isKnown = transient?.nothingHappened == true
        if mayMend {
            return isKnown
                ? .notHappened(retryAfter: transient?.retryAfter) : .transient(retryAfter: transient?.retryAfter)
        }
        if isPhase(work), let reason = ParkedReason(lasting: error) { return .lasting(reason) }
        return isKnown ? .unretryableNotHappened : .unretryable
    }

    private func isPhase(_ work: Work) -> Bool {
        let step = plan[work.step]
        if case .atomicPhase? = work.direction == .forward ? step.kind : step.compensation?.kind { return true }
        return false
    }

    private func verdict(on error: PostgresError, of work: Work, mayBeCommitted: Bool) -> Verdict {
        if error.isSerializationConflict { return .conflict(Self.text(of: error)) }
        let isGuard = mayBeCommitted && error.sqlState == .divisionByZero
        if isGuard || error.isUnavailable || error.code == .commitOutcomeUnknown { return .uncertain(error) }
        return .failed(failure(ofTrying: work, error), Self.text(of: error))
    }

    /// An error as the row keeps it, for operators. The server's detail is left out: it quotes row values.
    static func text(of error: any Error) -> String {
        var text = "\(type(of: error)): \(error)"
        if let error = error as? PostgresError {
            let state = error.sqlState.map { " \($0)" } ?? ""
            text = "PostgresError \(error.code)\(state): \(error.message)\(error.whatIsNotNamed)"
        }
        return plain(text)
    }

    /// A text as a table or a log can hold it: a NUL cannot be stored, and no other control character belongs there.
    static func plain(_ text: String) -> String {
        let plain = text.prefix(Limits.errorLength).unicodeScalars.map {
            $0.properties.generalCategory == .control ? " " : $0
        }
        return String(String.UnicodeScalarView(plain))
    }
}

extension Error {
    /// COMMIT was sent and not answered: only the row tells, also after a cancellation.
    fileprivate var isUnknownCommit: Bool {
        (self as? PostgresTransactionError)?.error.code == .commitOutcomeUnknown
    }
}

extension PostgresError {
    /// The constraint and the column that it is about, where its message does not name them.
    fileprivate var whatIsNotNamed: String {
        [("constraint", constraint), ("table", table), ("column", column)].map { word, name in
            guard let name, !message.contains(name) else { return "" }
            return "; \(word) \(name)"
        }.joined()
    }

    /// The database cannot be used right now, through no fault of the statement.
    package var isUnavailable: Bool {
        isConnectionLost || code == .poolTimeout || sqlState?.classCode == "53"
            || sqlState == SQLState(rawValue: "25P03") || sqlState == .readOnlyTransaction
    }

    /// No connection could be had, or the server takes no writes: whatever was to be written was not.
    var isBeforeAnyWrite: Bool {
        code == .poolTimeout || code == .connectFailed || sqlState == .readOnlyTransaction
    }
}
