/// What went wrong between this process and PostgreSQL, or inside PostgreSQL.
///
/// Branch on ``code`` first and, for ``Code/server``, on ``sqlState``. No property ever holds a bind value that this
/// library was given; `message` and `detail` are the server's words, and the server may quote row values in them.
public struct PostgresError: Error, Sendable {
    /// The kind of failure.
    public var code: Code
    /// The server's code, when the server reported the error (or refused the connection with one).
    public var sqlState: SQLState?
    /// One sentence for people: the server's primary message, or this library's.
    public var message: String
    /// More about the error, from the server; it may quote values of rows.
    public var detail: String?
    /// What to do about it, from the server.
    public var hint: String?
    /// The constraint that was violated.
    public var constraint: String?
    /// The table of a violated constraint, without its schema.
    public var table: String?
    /// The column of a violated constraint, where there is just one.
    public var column: String?
    /// Where in ``sql`` the error is, in characters, the first being 1.
    public var position: Int?
    /// The text of the statement that failed, with `$1`, `$2`, … where values were bound.
    public var sql: String?
    /// The error behind this one, such as the last failure to connect behind a ``Code/poolTimeout``.
    public var underlying: (any Error)?

    /// Makes an error. Callers need this for their own types' encoding and decoding, and in tests.
    public init(
        _ code: Code,
        _ message: String,
        sqlState: SQLState? = nil,
        sql: String? = nil,
        underlying: (any Error)? = nil
    ) {
        self.code = code
        self.message = message
        self.sqlState = sqlState
        self.sql = sql
        self.underlying = underlying
    }

    /// The connection is unusable: it broke, or the server is going away or not ready (class 08, 57P01–57P03).
    public var isConnectionLost: Bool {
        if code == .connectionLost || code == .connectFailed { return true }
        guard let sqlState else { return false }
        return sqlState.classCode == "08"
            || [SQLState.adminShutdown, .crashShutdown, .cannotConnectNow].contains(sqlState)
    }

    /// The connection broke for a reason that its neighbours share: the server, or the network to it, went away. A server
    /// also ends one session alone, as for an idle transaction or for idling; it has other states for that.
    var isOfServer: Bool {
        guard isConnectionLost else { return false }
        guard let sqlState else { return true }
        return sqlState.classCode == "08"
            || [SQLState.adminShutdown, .crashShutdown, .cannotConnectNow].contains(sqlState)
    }

    /// The transaction lost against a concurrent one (40001, 40P01): run the whole of it again.
    public var isSerializationConflict: Bool {
        sqlState == .serializationFailure || sqlState == .deadlockDetected
    }
}

extension PostgresError: CustomStringConvertible {
    public var description: String {
        var text = "PostgresError(\(code)"
        if let sqlState { text += " \(sqlState)" }
        text += ": \(message)"
        let fields = [
            ("detail", detail), ("hint", hint), ("constraint", constraint), ("table", table), ("column", column),
            ("position", position.map(String.init)), ("sql", sql), ("underlying", underlying.map { "\($0)" }),
        ]
        for case (let name, let value?) in fields { text += "; \(name): \(value)" }
        return text + ")"
    }
}
