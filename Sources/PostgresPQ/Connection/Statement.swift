import Foundation

/// A query on its way to the server.
struct Statement: Sendable {
    /// The protocol counts parameters in 16 bits.
    static let parameterLimit = 65_535

    var query: PostgresQuery
    /// Whether the statement may go through the connection's cache of prepared statements.
    var isPrepared: Bool

    init(_ query: PostgresQuery, isPrepared: Bool = true) {
        self.query = query
        self.isPrepared = isPrepared
    }

    /// Throws ``PostgresError/Code/encoding`` for what must not be handed to libpq.
    func validate() throws {
        let reason: String
        if let failure = query.binds.failure {
            reason = failure
        } else if query.binds.count > Self.parameterLimit {
            reason = "\(query.binds.count) parameters; PostgreSQL allows \(Self.parameterLimit)"
        } else if query.sql.containsNUL {
            reason = "the statement contains a NUL character"
        } else {
            return
        }
        throw PostgresError(.encoding, reason, sql: query.sql)
    }
}

extension String {
    /// Whether a C string would end before this one does.
    fileprivate var containsNUL: Bool {
        var text = self
        return text.withUTF8 { bytes in
            bytes.baseAddress.map { memchr($0, 0, bytes.count) != nil } ?? false
        }
    }
}
