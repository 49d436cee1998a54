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
        self.init(unsafeSQL: stringInterpolation.sql, binds: stringInterpolation.binds)
    }

    /// Collects the text and the parameters of an interpolated query.
    public struct StringInterpolation: StringInterpolationProtocol, Sendable {
        var sql: String
        var binds = PostgresBindings()

        public init(literalCapacity: Int, interpolationCount: Int) {
            sql = ""
            sql.reserveCapacity(literalCapacity + interpolationCount * 3)
        }

        public mutating func appendLiteral(_ literal: String) {
            sql += literal
        }

        /// Binds a value as the next parameter.
        public mutating func appendInterpolation<Value: PostgresEncodable>(_ value: Value) {
            binds.append(value)
            appendPlaceholder()
        }

        /// Binds a value, or NULL, as the next parameter.
        public mutating func appendInterpolation<Value: PostgresEncodable>(_ value: Value?) {
            binds.append(value)
            appendPlaceholder()
        }

        /// Inserts text as it is: for identifiers that come from code or validated configuration, never for input.
        public mutating func appendInterpolation(unescaped text: String) {
            sql += text
        }

        private mutating func appendPlaceholder() {
            sql += "$"
            sql += String(binds.count)
        }
    }
}
