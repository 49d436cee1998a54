/// The five-character code that PostgreSQL puts on every error (SQL standard, PostgreSQL manual, appendix A).
///
/// Only the states that callers of this library branch on have names; make others with `SQLState(rawValue:)`.
public struct SQLState: RawRepresentable, Sendable, Hashable, CustomStringConvertible {
    public var rawValue: String

    public init(rawValue: String) {
        self.rawValue = rawValue
    }

    /// The first two characters: the class of the error, such as `"08"` for connection exceptions.
    public var classCode: String { String(rawValue.prefix(2)) }

    public var description: String { rawValue }
}

extension SQLState {
    public static let connectionException = SQLState(rawValue: "08000")
    public static let connectionDoesNotExist = SQLState(rawValue: "08003")
    public static let connectionFailure = SQLState(rawValue: "08006")
    /// The server lost track of the transaction: whether it committed is not known.
    public static let transactionResolutionUnknown = SQLState(rawValue: "08007")
    /// Among others: the plan of a prepared statement no longer fits the schema.
    public static let featureNotSupported = SQLState(rawValue: "0A000")
    public static let divisionByZero = SQLState(rawValue: "22012")
    /// A character that the target cannot hold, such as `\u0000` in jsonb.
    public static let untranslatableCharacter = SQLState(rawValue: "22P05")
    public static let notNullViolation = SQLState(rawValue: "23502")
    public static let foreignKeyViolation = SQLState(rawValue: "23503")
    /// A row with the same key exists; see ``PostgresError/constraint``.
    public static let uniqueViolation = SQLState(rawValue: "23505")
    public static let checkViolation = SQLState(rawValue: "23514")
    /// A write on a standby, or in a read-only transaction.
    public static let readOnlyTransaction = SQLState(rawValue: "25006")
    /// A statement arrived in a transaction that has already failed.
    public static let inFailedTransaction = SQLState(rawValue: "25P02")
    /// The server has no prepared statement of this name.
    public static let invalidStatementName = SQLState(rawValue: "26000")
    public static let invalidPassword = SQLState(rawValue: "28P01")
    /// The connection string names a database that is not there.
    public static let databaseDoesNotExist = SQLState(rawValue: "3D000")
    /// The transaction cannot be ordered against a concurrent one: run it again.
    public static let serializationFailure = SQLState(rawValue: "40001")
    /// An ambiguous outcome: the statement (a COMMIT, say) may or may not have taken effect.
    public static let statementCompletionUnknown = SQLState(rawValue: "40003")
    /// The transaction was chosen to end a deadlock: run it again.
    public static let deadlockDetected = SQLState(rawValue: "40P01")
    public static let syntaxError = SQLState(rawValue: "42601")
    public static let undefinedColumn = SQLState(rawValue: "42703")
    public static let undefinedTable = SQLState(rawValue: "42P01")
    public static let duplicateTable = SQLState(rawValue: "42P07")
    /// The server has no connection slot left.
    public static let tooManyConnections = SQLState(rawValue: "53300")
    /// `NOWAIT`, or `lock_timeout`.
    public static let lockNotAvailable = SQLState(rawValue: "55P03")
    /// Cancelled: by a cancel request, or by `statement_timeout`.
    public static let queryCanceled = SQLState(rawValue: "57014")
    /// The server shuts down, or somebody terminated this connection.
    public static let adminShutdown = SQLState(rawValue: "57P01")
    /// Another server process crashed, so all connections were ended.
    public static let crashShutdown = SQLState(rawValue: "57P02")
    /// The server starts up, shuts down or recovers.
    public static let cannotConnectNow = SQLState(rawValue: "57P03")
}
