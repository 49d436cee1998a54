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
    public static let featureNotSupported = SQLState(rawValue: "0A000")
    public static let divisionByZero = SQLState(rawValue: "22012")
    public static let untranslatableCharacter = SQLState(rawValue: "22P05")
    public static let notNullViolation = SQLState(rawValue: "23502")
    public static let foreignKeyViolation = SQLState(rawValue: "23503")
    public static let uniqueViolation = SQLState(rawValue: "23505")
    public static let checkViolation = SQLState(rawValue: "23514")
    public static let readOnlyTransaction = SQLState(rawValue: "25006")
    /// A statement arrived in a transaction that has already failed.
    public static let inFailedTransaction = SQLState(rawValue: "25P02")
    public static let invalidStatementName = SQLState(rawValue: "26000")
    public static let invalidPassword = SQLState(rawValue: "28P01")
    public static let databaseDoesNotExist = SQLState(rawValue: "3D000")
    public static let serializationFailure = SQLState(rawValue: "40001")
    /// An ambiguous outcome: the statement (a COMMIT, say) may or may not have taken effect.
    public static let statementCompletionUnknown = SQLState(rawValue: "40003")
    public static let deadlockDetected = SQLState(rawValue: "40P01")
    public static let syntaxError = SQLState(rawValue: "42601")
    public static let undefinedColumn = SQLState(rawValue: "42703")
    public static let undefinedTable = SQLState(rawValue: "42P01")
    public static let duplicateTable = SQLState(rawValue: "42P07")
    public static let tooManyConnections = SQLState(rawValue: "53300")
    public static let lockNotAvailable = SQLState(rawValue: "55P03")
    /// Cancelled: by a cancel request, or by `statement_timeout`.
    public static let queryCanceled = SQLState(rawValue: "57014")
    public static let adminShutdown = SQLState(rawValue: "57P01")
    public static let crashShutdown = SQLState(rawValue: "57P02")
    public static let cannotConnectNow = SQLState(rawValue: "57P03")
}
