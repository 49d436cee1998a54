/// Why an operator's verb did nothing.
public struct OperatorError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The kinds of error; more may come.
    public struct Code: Sendable, Hashable, CustomStringConvertible {
        public let description: String

        /// The key is not as it was seen any more: look at it again.
        public static let moved = Code(description: "moved")
        /// The key's state is not one that the verb is for.
        public static let refused = Code(description: "refused")
        /// What a call is said to have returned is not what its step returns.
        public static let invalidOutput = Code(description: "invalid_output")
    }

    public let code: Code
    public let message: String

    init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    public var description: String { "\(code): \(message)" }
}

extension OperatorError {
    static let moved = OperatorError(.moved, "it moved since it was read: look at it again")

    /// Names the field that is wrong in the output of `step`.
    init(_ error: DecodingError, in step: String) {
        let (context, problem): (DecodingError.Context, String)
        var path: [any CodingKey] = []
        switch error {
        case .keyNotFound(let key, let found): (context, problem, path) = (found, "is missing", [key])
        case .valueNotFound(let type, let found): (context, problem) = (found, "is null; \(type) is expected")
        case .typeMismatch(let type, let found): (context, problem) = (found, "has the wrong type; \(type) is expected")
        case .dataCorrupted(let found): (context, problem) = (found, "is not valid")
        @unknown default:
            self.init(.invalidOutput, "the output of '\(step)' is not what the step returns")
            return
        }
        path = context.codingPath + path
        let field = path.map { $0.intValue.map(String.init) ?? $0.stringValue }.joined(separator: ".")
        self.init(.invalidOutput, "the output of '\(step)'\(field.isEmpty ? "" : ": \(field)") \(problem)")
    }
}
