import PostgresPQ
import Waymark

/// Units failed, and their transaction is rolled back.
struct BatchFailure: Error {
    /// Which of them; nil where that is not known.
    let unit: Int?
    /// The failure as it is the unit's own: `GuardFailed`, `KeyExists`, `KeyBusy`, `StepTimeout`, or what the database said.
    let error: any Error

    /// Whether a statement ran, or waited for a lock, for too long.
    var isTooLong: Bool {
        if error is KeyBusy || error is StepTimeout { return true }
        let error = (error as? PostgresTransactionError)?.error ?? error as? PostgresError
        return error?.sqlState == .lockNotAvailable || error?.sqlState == .queryCanceled
    }
}

extension Coalescer {
    /// How units run in one transaction.
    enum Way {
        /// With one statement for what several want done to keys and jobs.
        case together
        /// With statements of their own, so that an error tells whose it is.
        case apart
        /// One by itself, which may wait for locks for as long as it may run.
        case alone
    }

    /// Commits units in one transaction, in one round trip; a unit that runs alone, and has statements of the application, in
    /// two: a cancellation reaches those statements, and never COMMIT.
    /// - Parameter bound: how long each statement may run; a unit that runs alone, all of its statements.
    /// - Throws: `BatchFailure`, or an error that is no unit's: of the connection, the pool, or an unknown COMMIT;
    ///   `CancellationError` of a unit that runs alone.
    func commit(_ units: [CommitUnit], _ way: Way, within bound: Duration) async throws {
        let time = way == .alone ? KeyStatements.StatementTime.atMost(bound) : .of(bound)
        let script = CommitScript(units, way, within: time, statements)
        let isCancellable = way == .alone && units.contains { !$0.writes.isEmpty }
        do {
            try await postgres.withTransaction(opening: script.opening) { transaction in
                guard isCancellable else { return }
                try await withTimeout(bound) { try await script.run(in: transaction) }
            } closing: {
                isCancellable ? [] : script.steps.map(\.statement)
            }
        } catch is StepTimeout {
            throw BatchFailure(unit: 0, error: StepTimeout())
        } catch let failure as PostgresTransactionError {
            guard failure.error.isTheUnits else { throw failure.isUnknown ? failure : failure.error }
            guard case .closing(let index) = failure.stage else {
                throw BatchFailure(unit: units.count == 1 ? 0 : nil, error: failure)
            }
            throw script.steps[index].failure(failure.error)
        } catch let error as PostgresError where error.isTheUnits {
            // A value that cannot be sent.
            throw BatchFailure(unit: units.count == 1 ? 0 : nil, error: error)
        }
    }
}

extension CommitScript {
    /// Runs the steps in a transaction that is committed afterwards.
    /// - Throws: what the first that failed means to its unit; `CancellationError`; `PostgresError` of a lost connection.
    fileprivate func run(in transaction: PostgresTransaction) async throws {
        let results = try await transaction.pipelineEach(steps.map(\.statement))
        for (step, result) in zip(steps, results) {
            guard case .failure(let error) = result else { continue }
            if error.code == .cancelled { throw CancellationError() }
            throw error.isTheUnits ? step.failure(error) : error
        }
    }
}
