/// What can be wrong with a request, a configuration or a database, before or beside any saga.
public struct WaymarkError: Error, Sendable, CustomStringConvertible {
    /// The kinds of error; more may come.
    public struct Code: Sendable, Hashable, CustomStringConvertible {
        public let description: String

        /// An idempotency key that is not 1 to 255 characters of printable ASCII.
        public static let invalidKey = Code(description: "invalid_key")
        /// A scope that is empty, too long, or holds a control character.
        public static let invalidScope = Code(description: "invalid_scope")
        /// JSON that is not strict: malformed, a repeated member, a NUL, a lone surrogate.
        public static let invalidJSON = Code(description: "invalid_json")
        /// A field whose value an application does not take.
        public static let invalidField = Code(description: "invalid_field")
        /// A value over one of `Limits`.
        public static let tooLarge = Code(description: "too_large")
        /// A key that belongs to another request.
        public static let keyTaken = Code(description: "key_taken")
        /// A saga, step or job that this process does not know.
        public static let unknownName = Code(description: "unknown_name")
        /// Two declarations under one name.
        public static let duplicateName = Code(description: "duplicate_name")
        /// The database lacks a migration, or has one that this binary does not know or whose text was changed.
        public static let migration = Code(description: "migration")
        /// The same key was accepted and reaped over and over while we looked: try again.
        public static let contended = Code(description: "contended")
        /// This process is stopping and takes nothing new.
        public static let stopping = Code(description: "stopping")
    }

    public let code: Code
    public let message: String
    /// The field the error is about, as a path such as `origin.lat`, where there is one.
    public let field: String?

    public init(_ code: Code, _ message: String, field: String? = nil) {
        self.code = code
        self.message = message
        self.field = field
    }

    public var description: String {
        if let field { "\(code): \(field): \(message)" } else { "\(code): \(message)" }
    }
}
