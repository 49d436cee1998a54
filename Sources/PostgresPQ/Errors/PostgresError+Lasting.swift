extension PostgresError {
    /// Whether the statement fails again, however often it is run, until somebody changes it, its values, or the rows that it
    /// meets: a violated constraint, a value that does not fit, a table that is not there.
    ///
    /// Serialization conflicts, deadlocks, locks, connections and resources are no such errors, and neither is what a
    /// procedure raises by `RAISE`.
    public var isLasting: Bool {
        switch code {
        case .encoding, .decoding, .unexpectedRowCount, .unsupported, .transactionMisuse: true
        case .server: sqlState?.isLasting ?? false
        default: false
        }
    }

    /// Whether a constraint of the database does not hold (class 23).
    public var isConstraintViolation: Bool { code == .server && sqlState?.classCode == "23" }
}

extension SQLState {
    /// The classes whose errors come again: cardinality, data, integrity constraints, syntax and access rules, CHECK OPTION,
    /// and the limits of the server's program.
    private static let lastingClasses: Set<String> = ["21", "22", "23", "42", "44", "54"]

    fileprivate var isLasting: Bool {
        // Of the connection's prepared statements, and not of the statement itself.
        self != SQLState(rawValue: "42P05") && Self.lastingClasses.contains(classCode)
    }
}

extension Error {
    /// Whether it says that the constraint of this name is violated, by a statement or at COMMIT.
    public func violates(constraint name: String) -> Bool {
        let error = (self as? PostgresTransactionError)?.error ?? self as? PostgresError
        return error?.isConstraintViolation == true && error?.constraint == name
    }
}
