import Synchronization

/// One unit of work for a connection, from the call to the answer: statements that share a Sync.
final class Job: Sendable {
    let unit: PipelineStateMachine.Unit
    let statements: [Statement]
    let scope: TransactionScope?
    /// Set before the connection is asked to cancel, so that a job which arrives after its cancellation is not begun.
    let isCancelled = Atomic(false)

    init(unit: PipelineStateMachine.Unit, statements: [Statement], scope: TransactionScope? = nil) {
        self.unit = unit
        self.statements = statements
        self.scope = scope
    }
}

/// What became of one statement of a job.
enum StatementOutcome: Sendable {
    case rows(ResultBuffer)
    case failed(PostgresError)
    /// The server skipped it because a statement before it failed.
    case skipped
    /// No answer came.
    case unanswered
}

/// What became of a job.
struct JobOutcome: Sendable {
    enum End: Sendable {
        /// The server answered up to the Sync.
        case answered
        /// The connection broke; `isSent` tells whether the statements had been handed over before.
        case lost(PostgresError, isSent: Bool)
        /// Taken back before it was sent, because the task was cancelled.
        case removed
    }

    /// One for each statement of the job, in order.
    var statements: [StatementOutcome]
    var end: End
    /// The task was cancelled while the job ran.
    var isCancelled: Bool
    /// The failure of a statement that was sent in front of the job's own: `BEGIN` or an opening statement.
    var prefixFailure: PostgresError?
    /// Why the implicit transaction of statements that had succeeded was not committed.
    var commitFailure: PostgresError?

    /// The rows of all statements.
    ///
    /// Throws the first failure, or `CancellationError` when a cancellation caused it.
    func rows() throws -> [PostgresRows] {
        let results = each()
        var rows: [PostgresRows] = []
        rows.reserveCapacity(results.count)
        for result in results {
            switch result {
            case .success(let success): rows.append(success)
            case .failure(let error) where error.code == .cancelled: throw CancellationError()
            case .failure(let error): throw error
            }
        }
        return rows
    }

    /// The rows or the error of each statement; a skipped statement repeats the error that had it skipped.
    ///
    /// A statement has its rows only once the Sync behind it is answered. The server sends them before it commits: one that
    /// is stopped in between has reported a success, and forgotten it.
    func each() -> [Result<PostgresRows, PostgresError>] {
        var cause = prefixFailure.map(translated)
        let loss = loss
        return statements.map { outcome in
            switch outcome {
            case .rows(let buffer):
                if let loss { return .failure(loss) }
                return .success(PostgresRows(buffer: buffer))
            case .failed(let error):
                let error = translated(error)
                cause = cause ?? error
                return .failure(error)
            case .skipped, .unanswered:
                return .failure(cause ?? endError)
            }
        }
    }

    /// Why what succeeded may not have taken effect.
    private var loss: PostgresError? {
        // Where one failed, that is what is known, and none took effect.
        let hasFailed = statements.contains { if case .failed = $0 { true } else { false } }
        if hasFailed { return nil }
        if let commitFailure { return translated(commitFailure) }
        if case .lost = end { return endError }
        return nil
    }

    /// What this library makes of a server's error: its own cancellation is not the server's failure.
    func translated(_ error: PostgresError) -> PostgresError {
        guard isCancelled, error.sqlState == .queryCanceled || error.isConnectionLost else { return error }
        var error = error
        error.code = .cancelled
        return error
    }

    private var endError: PostgresError {
        switch end {
        case .lost(let error, _): translated(error)
        case .removed: PostgresError(.cancelled, "the task was cancelled before the statement was sent")
        case .answered: PostgresError(.server, "the server gave no answer to the statement")
        }
    }
}
