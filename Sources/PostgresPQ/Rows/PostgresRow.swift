/// One row of a result. It keeps the whole result in memory as long as it lives.
public struct PostgresRow: Sendable {
    let buffer: ResultBuffer
    let index: Int

    /// How many columns there are.
    public var count: Int { buffer.columnCount }

    public var columnNames: [String] { (0..<count).map(buffer.columnName) }

    /// The column at this position, counted from 0.
    public subscript(_ column: Int) -> PostgresCell {
        precondition((0..<count).contains(column), "there is no column \(column); the row has \(count)")
        return buffer.cell(row: index, column: column)
    }

    /// The first column of this name, or `nil` when there is none.
    public subscript(_ column: String) -> PostgresCell? {
        buffer.columnIndex(column).map { buffer.cell(row: index, column: $0) }
    }

    /// Decodes the column of this name.
    ///
    /// Throws ``PostgresError/Code/decoding`` when there is no such column or its value does not fit; NULL fits only
    /// an optional type.
    public func decode<Value: PostgresDecodable>(_ column: String, as type: Value.Type = Value.self) throws -> Value {
        guard let cell = self[column] else {
            throw PostgresError(.decoding, "there is no column \"\(column)\"; there are \(columnNames)")
        }
        return try Value(postgres: cell)
    }

    /// Decodes the columns, in order, into a tuple: `row.decode((Int, String?).self)`.
    ///
    /// Throws ``PostgresError/Code/decoding`` when the number of columns is another or a value does not fit.
    public func decode<each Value: PostgresDecodable>(_ type: (repeat each Value).Type) throws -> (repeat each Value) {
        var expected = 0
        for _ in repeat (each Value).self { expected += 1 }
        try checkColumnCount(expected)
        var column = 0
        func next<Column: PostgresDecodable>(_ type: Column.Type) throws -> Column {
            defer { column += 1 }
            return try Column(postgres: buffer.cell(row: index, column: column))
        }
        return (repeat try next((each Value).self))
    }

    /// Decodes the only column.
    public func decode<Value: PostgresDecodable>(_ type: Value.Type) throws -> Value {
        try checkColumnCount(1)
        return try Value(postgres: buffer.cell(row: index, column: 0))
    }

    /// Decodes the only column. (A type that is `Decodable` as well is taken as a value, not as a structure.)
    public func decode<Value: PostgresDecodable & Decodable>(_ type: Value.Type) throws -> Value {
        try checkColumnCount(1)
        return try Value(postgres: buffer.cell(row: index, column: 0))
    }

    /// Decodes a structure, each property from the column of its name; `createdAt` finds `created_at` too.
    ///
    /// Columns without a property are ignored. A property that is neither a ``PostgresDecodable`` nor a raw value is
    /// decoded from `json` or `jsonb`. Throws ``PostgresError/Code/decoding``.
    public func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
        try RowDecoder(columns: ColumnNames(buffer), row: self).decode(type)
    }

    private func checkColumnCount(_ expected: Int) throws {
        guard count == expected else {
            throw PostgresError(.decoding, "the row has \(count) columns, \(expected) were asked for")
        }
    }
}
