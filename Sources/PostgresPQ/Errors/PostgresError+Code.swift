extension PostgresError {
    /// The kinds of failure. More may be added, so a `switch` needs a `default`.
    public struct Code: Sendable, Hashable, CustomStringConvertible {
        public let description: String

        private init(_ description: String) {
            self.description = description
        }

        /// The server answered with an error; see ``PostgresError/sqlState``.
        public static let server = Code("server")
        /// The connection broke or was closed. A statement it interrupted may have taken effect; a transaction that
        /// had not been asked to commit has not.
        public static let connectionLost = Code("connectionLost")
        /// No connection could be made: refused, timed out, or turned down by the server.
        public static let connectFailed = Code("connectFailed")
        /// The connection string cannot be understood.
        public static let invalidConfiguration = Code("invalidConfiguration")
        /// The task was cancelled before this statement had a result.
        public static let cancelled = Code("cancelled")
        /// No pooled connection came free within the configured time.
        public static let poolTimeout = Code("poolTimeout")
        /// The pool is shutting down or has been shut down.
        public static let poolClosed = Code("poolClosed")
        /// A column's value does not fit the Swift type asked for.
        public static let decoding = Code("decoding")
        /// A Swift value cannot be sent as a parameter. Nothing was sent.
        public static let encoding = Code("encoding")
        /// A statement gave another number of rows than the call allows.
        public static let unexpectedRowCount = Code("unexpectedRowCount")
        /// COMMIT was handed over and its answer never came: the transaction may or may not have committed.
        public static let commitOutcomeUnknown = Code("commitOutcomeUnknown")
        /// A transaction handle was used after its closure, or a connection from inside its own transaction.
        public static let transactionMisuse = Code("transactionMisuse")
        /// The statement asks for something that this client does not do, such as `COPY`.
        public static let unsupported = Code("unsupported")
    }
}
