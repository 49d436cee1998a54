/// Decodes one row into a `Decodable` structure.
struct RowDecoder: Decoder {
    let columns: ColumnNames
    let row: PostgresRow
    var codingPath: [any CodingKey] { [] }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    /// Decodes the whole row and turns the errors of `Decodable` code into ``PostgresError/Code/decoding``.
    func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
        do {
            return try Value(from: self)
        } catch let error as PostgresError {
            throw error
        } catch {
            throw PostgresError(.decoding, "the row does not fit \(Value.self)", underlying: error)
        }
    }

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedDecodingContainer<Key> {
        KeyedDecodingContainer(RowContainer(columns: columns, row: row))
    }

    func unkeyedContainer() throws -> any UnkeyedDecodingContainer {
        throw PostgresError(.decoding, "a row is decoded by column names; decode a tuple to go by position")
    }

    /// For types that wrap one value: the row must have one column.
    func singleValueContainer() throws -> any SingleValueDecodingContainer {
        guard row.count == 1 else {
            throw PostgresError(.decoding, "the row has \(row.count) columns, a single value was asked for")
        }
        return CellContainer(cell: row[0])
    }
}

private struct RowContainer<Key: CodingKey>: KeyedDecodingContainerProtocol {
    let columns: ColumnNames
    let row: PostgresRow
    var codingPath: [any CodingKey] { [] }
    var allKeys: [Key] { columns.all.compactMap(Key.init(stringValue:)) }

    func contains(_ key: Key) -> Bool { columns.index(key.stringValue) != nil }

    func decodeNil(forKey key: Key) throws -> Bool { try cell(key).isNull }

    func decode<Value: Decodable>(_ type: Value.Type, forKey key: Key) throws -> Value {
        try cell(key).decodeProperty(type)
    }

    func nestedContainer<NestedKey: CodingKey>(
        keyedBy type: NestedKey.Type,
        forKey key: Key
    ) throws -> KeyedDecodingContainer<NestedKey> {
        try CellDecoder(cell: cell(key)).container(keyedBy: type)
    }

    func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
        try CellDecoder(cell: cell(key)).unkeyedContainer()
    }

    func superDecoder() -> any Decoder { RowDecoder(columns: columns, row: row) }

    func superDecoder(forKey key: Key) throws -> any Decoder { CellDecoder(cell: try cell(key)) }

    private func cell(_ key: Key) throws -> PostgresCell {
        guard let index = columns.index(key.stringValue) else {
            throw PostgresError(.decoding, "there is no column for \"\(key.stringValue)\"; there are \(columns.all)")
        }
        return row[index]
    }
}
