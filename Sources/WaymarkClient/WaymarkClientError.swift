/// Why there is no answer.
public struct WaymarkClientError: Error, Sendable, CustomStringConvertible {
    /// What kind of failure. More may come.
    public struct Code: Sendable, Hashable, CustomStringConvertible {
        public let description: String

        private init(_ description: String) { self.description = description }

        /// The key is not 1 to 255 printable ASCII characters. Nothing was sent.
        public static let invalidKey = Code("invalidKey")
        /// A base or a header field cannot be used in HTTP, or there is no base. Nothing was sent.
        public static let invalidRequest = Code("invalidRequest")
        /// The deadline passed, or would before the next attempt. The request may be accepted, or even finished.
        public static let deadlineExceeded = Code("deadlineExceeded")
        /// An answer is larger than `RetryRules.answerLimit`. A repeat would be answered the same.
        public static let answerTooLarge = Code("answerTooLarge")
    }

    public let code: Code
    public let message: String
    /// The idempotency key: asking again with it never does the work twice.
    public let key: String
    /// How often the request was sent.
    public let attempts: Int
    /// The status of the last attempt that was answered.
    public let lastStatus: Int?
    /// Where in this module's source the error was made.
    public let file: String
    public let line: Int

    init(
        _ code: Code, _ message: String, key: String, attempts: Int = 0, lastStatus: Int? = nil,
        file: String = #fileID, line: Int = #line
    ) {
        self.code = code
        self.message = message
        self.key = key
        self.attempts = attempts
        self.lastStatus = lastStatus
        self.file = file
        self.line = line
    }

    public var description: String { "\(code): \(message) (idempotency key \(key), \(attempts) attempts)" }
}
