/// A transaction failed at a stage that is not the caller's closure.
///
/// Errors thrown by the closure itself, and the loss of the connection before COMMIT was handed over, reach the caller
/// as they are; everything else that `withTransaction` does on the way is reported with its ``stage``.
public struct PostgresTransactionError: Error, Sendable, CustomStringConvertible {
    /// Where in the life of the transaction the error arose. Indices count from 0 in the array that was passed.
    public enum Stage: Sendable, Hashable {
        /// `BEGIN` failed; nothing ran.
        case begin
        /// The opening statement of this index failed.
        case opening(Int)
        /// The closing statement of this index failed; COMMIT was skipped by the server.
        case closing(Int)
        /// COMMIT failed (rolled back), turned into a rollback because the transaction had already failed, or its
        /// outcome is unknown (``PostgresError/Code/commitOutcomeUnknown``).
        case commit
        /// ROLLBACK failed although the connection is intact.
        case rollback
    }

    public var stage: Stage
    public var error: PostgresError

    public init(stage: Stage, error: PostgresError) {
        self.stage = stage
        self.error = error
    }

    public var description: String { "PostgresTransactionError(\(stage): \(error))" }
}
