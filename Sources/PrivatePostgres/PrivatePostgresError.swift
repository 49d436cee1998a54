/// Why a private cluster could not be had.
public struct PrivatePostgresError: Error, Sendable, CustomStringConvertible {
    /// The kind of failure.
    public struct Code: Sendable, Hashable, CustomStringConvertible {
        private enum Kind: String {
            case notInstalled, noAccount, unusableDirectory, initializationFailed, startFailed, stopFailed
            case commandFailed, lockTimeout
        }

        private let kind: Kind

        /// PostgreSQL's programs, or those of the version that the data needs, are not on this machine.
        public static let notInstalled = Code(kind: .notInstalled)
        /// The caller is root, and there is no account to run the server as.
        public static let noAccount = Code(kind: .noAccount)
        /// A folder cannot be made, reached or trusted.
        public static let unusableDirectory = Code(kind: .unusableDirectory)
        /// `initdb` failed.
        public static let initializationFailed = Code(kind: .initializationFailed)
        /// The server did not start.
        public static let startFailed = Code(kind: .startFailed)
        /// The server did not stop in time.
        public static let stopFailed = Code(kind: .stopFailed)
        /// One of PostgreSQL's client programs failed.
        public static let commandFailed = Code(kind: .commandFailed)
        /// Another process holds the cluster's lock for too long.
        public static let lockTimeout = Code(kind: .lockTimeout)

        public var description: String { kind.rawValue }
    }

    /// The kind of failure.
    public let code: Code
    /// What happened, and what to do about it.
    public let message: String
    /// What PostgreSQL said: a program's output, the end of the server's log. May be empty.
    public let detail: String
    /// Where in this module's source the error was made.
    public let file: String
    /// Where in this module's source the error was made.
    public let line: Int

    init(_ code: Code, _ message: String, detail: String = "", file: String = #fileID, line: Int = #line) {
        self.code = code
        self.message = message
        self.detail = detail
        self.file = file
        self.line = line
    }

    public var description: String {
        detail.isEmpty ? "\(code): \(message)" : "\(code): \(message)\n\(detail)"
    }
}
