/// A statement with its parameters.
///
/// Write it as a string; what is interpolated becomes a parameter, never text:
/// ```swift
/// let query: PostgresQuery = "SELECT name FROM rides WHERE id = \(id) AND state = \(state)"
/// query.sql    // SELECT name FROM rides WHERE id = $1 AND state = $2
/// ```
/// One statement each: the extended protocol takes no `;`-separated lists.
public struct PostgresQuery: Sendable, Hashable {
    /// The text, with `$1`, `$2`, … where the parameters go.
    public var sql: String
    public var binds: PostgresBindings

    /// Makes a query of text that is sent as it is. Never build `unsafeSQL` from anybody's input.
    public init(unsafeSQL: String, binds: PostgresBindings = .init()) {
        self.sql = unsafeSQL
        self.binds = binds
    }
}

extension PostgresQuery: CustomStringConvertible {
    /// The text and the number of parameters, never their values.
    public var description: String { "\(sql) [\(binds)]" }
}

extension PostgresQuery: ExpressibleByStringInterpolation {
    public init(stringLiteral value: String) {
        self.init(unsafeSQL: value)
    }

    public init(stringInterpolation: StringInterpolation) {
        self.init(unsafeSQL: stringInterpolation.makeSQL(), binds: stringInterpolation.binds)
    }

    /// Collects the text and the parameters of an interpolated query.
    public struct StringInterpolation: StringInterpolationProtocol, Sendable {
        /// The text, in pieces: to put them together once is much cheaper than to append each to a string.
        private var parts: [String] = []
        fileprivate var binds = PostgresBindings()

        public init(literalCapacity: Int, interpolationCount: Int) {
            parts.reserveCapacity(interpolationCount * 2 + 1)
            binds.reserveCapacity(interpolationCount)
        }

        public mutating func appendLiteral(_ literal: String) {
            parts.append(literal)
        }

        /// Binds a value as the next parameter.
        public mutating func appendInterpolation<Value: PostgresEncodable>(_ value: Value) {
            bind(value)
        }

        /// Binds a value, or NULL, as the next parameter.
        public mutating func appendInterpolation<Value: PostgresEncodable>(_ value: Value?) {
            bind(value)
        }

        /// Refuses everything else at compile time, and says what to do.
        @available(
            *, unavailable,
            message: """
                this type has no form as a parameter: interpolate one that has (String, a number, Bool, Date, UUID, Data, an \
                array of them, an enum with such a raw value), wrap a Codable value as PostgresJSON(value), or conform the \
                type to PostgresEncodable. Never put a value into the text itself
                """
        )
        public mutating func appendInterpolation<Value>(_ value: Value) {
            preconditionFailure("nothing can be interpolated by way of what is unavailable")
        }

        /// Inserts text as it is: for identifiers that come from code or validated configuration, never for input.
        public mutating func appendInterpolation(unescaped text: String) {
            parts.append(text)
        }

        /// `$0`, `$1`, …: as many as most statements have parameters.
        private static let placeholders = (0...32).map { "$\($0)" }

        mutating func bind<Value: PostgresEncodable>(_ value: Value) {
            binds.append(value)
            appendPlaceholder()
        }

        mutating func bind<Value: PostgresEncodable>(_ value: Value?) {
            binds.append(value)
            appendPlaceholder()
        }

        private mutating func appendPlaceholder() {
            let number = binds.count
            parts.append(number < Self.placeholders.count ? Self.placeholders[number] : "$\(number)")
        }

        fileprivate func makeSQL() -> String {
            if parts.count == 1 { return parts[0] }
            let length = parts.reduce(0) { $0 + $1.utf8.count }
            return String(unsafeUninitializedCapacity: length) { buffer in
                var end = 0
                for var part in parts {
                    part.withUTF8 { end = buffer[end...].update(fromContentsOf: $0) }
                }
                return end
            }
        }
    }
}
