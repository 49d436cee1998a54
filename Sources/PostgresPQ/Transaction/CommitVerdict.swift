/// What the answers to closing statements and COMMIT say about the transaction.
enum CommitVerdict {
    case committed
    /// Not committed.
    case failed(PostgresTransactionError)
    /// The connection broke before COMMIT was handed over, or after a failure had ruled it out: not committed.
    case lost(PostgresError)
    /// It may be committed or not.
    case unknown(PostgresError)

    /// - Parameter outcome: of a job whose last statement is COMMIT.
    init(_ outcome: JobOutcome) {
        let commitIndex = outcome.statements.count - 1
        switch outcome.statements[commitIndex] {
        case .rows(let buffer) where buffer.commandTag == "COMMIT":
            self = .committed
        case .rows(let buffer):
            let message = "an earlier statement had failed, so COMMIT was answered with \(buffer.commandTag)"
            let error = PostgresError(.server, message, sqlState: .inFailedTransaction, sql: "COMMIT")
            self = .failed(PostgresTransactionError(stage: .commit, error: error))
        case .failed(let error):
            self =
                Self.isAmbiguous(error) || error.isConnectionLost
                ? .unknown(Self.unknown(error))
                : .failed(PostgresTransactionError(stage: .commit, error: error))
        case .skipped, .unanswered:
            self = Self.withoutAnswer(outcome)
        }
    }

    /// COMMIT has no answer of its own: because something before it failed, or because the connection broke.
    private static func withoutAnswer(_ outcome: JobOutcome) -> CommitVerdict {
        if let error = outcome.prefixFailure {
            return error.isConnectionLost
                ? .lost(error) : .failed(PostgresTransactionError(stage: .begin, error: error))
        }
        for (index, statement) in outcome.statements.enumerated() {
            guard case .failed(let error) = statement else { continue }
            if isAmbiguous(error) { return .unknown(unknown(error)) }
            if error.isConnectionLost { return .lost(error) }
            return .failed(PostgresTransactionError(stage: .closing(index), error: error))
        }
        switch outcome.end {
        case .lost(let error, isSent: false):
            return .lost(error)
        case .lost(let error, isSent: true):
            return .unknown(unknown(error))
        case .answered, .removed:
            return .unknown(unknown(PostgresError(.server, "the server gave no answer to COMMIT")))
        }
    }

    /// States with which a server says that it does not know either.
    private static func isAmbiguous(_ error: PostgresError) -> Bool {
        error.sqlState == .statementCompletionUnknown || error.sqlState == .transactionResolutionUnknown
    }

    private static func unknown(_ error: PostgresError) -> PostgresError {
        PostgresError(
            .commitOutcomeUnknown, "COMMIT was sent, and whether it took effect is not known",
            sqlState: error.sqlState, sql: "COMMIT", underlying: error)
    }
}
