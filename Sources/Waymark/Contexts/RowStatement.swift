public import PostgresPQ

/// A statement about one row, which the engine may run once for the rows of many requests.
///
/// ```swift
/// writes.execute(
///     each: """
///         INSERT INTO rides (id, rider_id, price) SELECT * FROM \(row: ride.id, ride.riderID, ride.price)
///         """)
/// writes.execute(
///     each: """
///         UPDATE rides SET state = 'booked', charge_id = r.charge_id
///         FROM \(row: ride.id, paid.chargeID) AS r (id, charge_id) WHERE rides.id = r.id
///         """)
/// ```
///
/// A row stands where a table does: it becomes `unnest($1, $2, …)`, with as many rows as requests that run the same statement
/// share a transaction. So nothing but the row can be interpolated, and the text must do with each row what it would do
/// with it alone. It is an INSERT, UPDATE or DELETE without RETURNING that touches exactly one row of its table for each row
/// it is given; where it touches none, or several, the phase fails.
public struct RowStatement: Sendable, ExpressibleByStringInterpolation {
    /// The text with parameters that are arrays of one element.
    let statement: PostgresQuery

    public init(stringLiteral value: String) {
        statement = PostgresQuery(unsafeSQL: value)
    }

    public init(stringInterpolation: StringInterpolation) {
        statement = PostgresQuery(unsafeSQL: stringInterpolation.sql, binds: stringInterpolation.binds)
    }

    public struct StringInterpolation: StringInterpolationProtocol, Sendable {
        fileprivate var sql = ""
        fileprivate var binds = PostgresBindings()

        public init(literalCapacity: Int, interpolationCount: Int) {
            sql.reserveCapacity(literalCapacity + interpolationCount * 32)
        }

        public mutating func appendLiteral(_ literal: String) {
            sql += literal
        }

        /// Inserts a table of one row, its columns in this order.
        public mutating func appendInterpolation<each Value: PostgresArrayEncodable>(row values: repeat each Value) {
            sql += "unnest("
            var separator = "$"
            for value in repeat each values {
                binds.append([value])
                sql += "\(separator)\(binds.count)"
                separator = ", $"
            }
            sql += ")"
        }

        /// Refuses a value by itself at compile time, and says what to do.
        @available(
            *, unavailable,
            message: """
                only a row can be interpolated: write \\(row: value, …) where a table stands, and the row's columns elsewhere. \
                Never put a value into the text itself
                """
        )
        public mutating func appendInterpolation<Value>(_ value: Value) {
            preconditionFailure("nothing can be interpolated by way of what is unavailable")
        }

        /// Inserts text as it is: for identifiers that come from code or validated configuration, never for input.
        public mutating func appendInterpolation(unescaped text: String) {
            sql += text
        }
    }
}

extension RowStatement {
    /// How many bytes its values are on their way to the server.
    package var byteCount: Int { statement.binds.byteCount }

    package var isInsert: Bool { statement.sql.prefix(6).uppercased() == "INSERT" }

    /// Whether both can be one statement.
    package func isSame(as other: RowStatement) -> Bool {
        statement.sql == other.statement.sql && statement.binds.hasSameTypes(as: other.statement.binds)
    }

    /// One statement for the rows of several; it fails with 22012 where it does not touch as many rows.
    /// - Parameter all: at least one, all the same.
    package static func query(_ all: [RowStatement]) -> PostgresQuery {
        var binds = PostgresBindings(concatenating: all.map(\.statement.binds))
        binds.append(all.count)
        return PostgresQuery(
            unsafeSQL: """
                WITH touched AS (\(all[0].statement.sql) RETURNING 1)
                SELECT 1/(count(*) = $\(binds.count))::int FROM touched
                """, binds: binds)
    }
}
