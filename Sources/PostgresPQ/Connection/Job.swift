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
    // Indirect, for an error is large and outcomes are handed from one to the next.
    indirect case failed(PostgresError)
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
        indirect case lost(PostgresError, isSent: Bool)
        /// Taken back before it was sent, because the task was cancelled.
        case removed
    }

    /// A failure of none of the job's own statements.
    indirect enum OtherFailure: Sendable {
        /// Of a statement that was sent in front of them: `BEGIN` or an opening statement.
        case prefix(PostgresError)
        /// Why the implicit transaction of statements that had succeeded was not committed.
        case commit(PostgresError)
    }

    /// One for each statement of the job, in order.
    var statements: [StatementOutcome]
    var end: End
    /// The task was cancelled while the job ran.
    var isCancelled: Bool
    var otherFailure: OtherFailure?

    var prefixFailure: PostgresError? {
        if case .prefix(let error)? = otherFailure { error } else { nil }
    }

    /// The rows of all statements.
    ///
    /// Throws the first failure, or `CancellationError` when a cancellation caused it.
    func rows() throws -> [PostgresRows] {
        if loss == nil {
            let buffers = statements.compactMap { if case .rows(let buffer) = $0 { buffer } else { nil } }
            if buffers.count == statements.count { return buffers.map(PostgresRows.init(buffer:)) }
        }
        for case .failure(let error) in each() {
            if error.code == .cancelled { throw CancellationError() }
            throw error
        }
        preconditionFailure("what has no rows has failed")
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
        if case .commit(let error)? = otherFailure { return translated(error) }
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
