/// What a statement returned: its rows, how many rows it affected, and its command tag.
public struct PostgresRows: Sendable, RandomAccessCollection {
    let buffer: ResultBuffer

    public var startIndex: Int { 0 }
    public var endIndex: Int { buffer.rowCount }

    public subscript(position: Int) -> PostgresRow {
        precondition((0..<endIndex).contains(position), "there is no row \(position); there are \(endIndex)")
        return PostgresRow(buffer: buffer, index: position)
    }

    /// How many rows the statement inserted, updated, deleted or selected.
    public var rowsAffected: Int { buffer.rowsAffected }

    /// The server's words for what was done, such as `INSERT 0 3` or `COMMIT`.
    public var commandTag: String { buffer.commandTag }

    public var columnNames: [String] { (0..<buffer.columnCount).map(buffer.columnName) }

    /// The row, or `nil` when there is none.
    ///
    /// Throws ``PostgresError/Code/unexpectedRowCount`` when there are several.
    public func single() throws -> PostgresRow? {
        guard count <= 1 else { throw PostgresError(.unexpectedRowCount, "at most one row expected, got \(count)") }
        return first
    }

    /// Decodes each row into a tuple: `rows.decode((Int, String?).self)`. Throws as ``PostgresRow`` does.
    public func decode<each Value: PostgresDecodable>(
        _ type: (repeat each Value).Type
    ) throws -> [(repeat each Value)] {
        try map { try $0.decode(type) }
    }

    /// Decodes the only column of each row.
    public func decode<Value: PostgresDecodable>(_ type: Value.Type) throws -> [Value] {
        try map { try $0.decode(type) }
    }

    /// Decodes the only column of each row.
    public func decode<Value: PostgresDecodable & Decodable>(_ type: Value.Type) throws -> [Value] {
        try map { try $0.decode(type) }
    }

    /// Decodes each row into a structure, by column names.
    public func decode<Value: Decodable>(_ type: Value.Type) throws -> [Value] {
        let columns = ColumnNames(buffer)
        return try map { try RowDecoder(columns: columns, row: $0).decode(type) }
    }
}
