import Foundation

extension PostgresCell {
    /// Decodes a property of a `Decodable` structure from this column.
    func decodeProperty<Value: Decodable>(_ type: Value.Type) throws -> Value {
        if self.type.isJSON, !isNull, !(Value.self is any JSONTaking.Type) {
            do {
                return try JSONDecoder().decode(Value.self, from: Data(jsonBytes()))
            } catch {
                var failure = mismatch(Value.self, "the JSON does not fit")
                failure.underlying = error
                throw failure
            }
        }
        if let decodable = Value.self as? any PostgresDecodable.Type {
            let value = try decodable.init(postgres: self)
            guard let value = value as? Value else { throw mismatch(Value.self) }
            return value
        }
        return try Value(from: CellDecoder(cell: self))
    }
}

/// Types that take a JSON column as it is instead of having it parsed for them.
private protocol JSONTaking {}
extension String: JSONTaking {}
extension PostgresJSONText: JSONTaking {}
extension PostgresJSON: JSONTaking {}
extension Optional: JSONTaking where Wrapped: JSONTaking {}

/// Decodes types that wrap a single value, such as enums with a raw value.
struct CellDecoder: Decoder {
    let cell: PostgresCell
    var codingPath: [any CodingKey] { [] }
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func container<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
        throw cell.mismatch(Key.self, "a structure inside a row must be json or jsonb")
    }

    func unkeyedContainer() throws -> any UnkeyedDecodingContainer {
        throw cell.mismatch([Any].self, "a list inside a row must be json, jsonb or an array")
    }

    func singleValueContainer() -> any SingleValueDecodingContainer {
        CellContainer(cell: cell)
    }
}

struct CellContainer: SingleValueDecodingContainer {
    let cell: PostgresCell
    var codingPath: [any CodingKey] { [] }

    func decodeNil() -> Bool { cell.isNull }

    func decode(_ type: Int8.Type) throws -> Int8 { try Int8(integer: cell) }
    func decode(_ type: UInt.Type) throws -> UInt { try UInt(integer: cell) }
    func decode(_ type: UInt8.Type) throws -> UInt8 { try UInt8(integer: cell) }
    func decode(_ type: UInt16.Type) throws -> UInt16 { try UInt16(integer: cell) }
    func decode(_ type: UInt32.Type) throws -> UInt32 { try UInt32(integer: cell) }
    func decode(_ type: UInt64.Type) throws -> UInt64 { try UInt64(integer: cell) }

    func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
        try cell.decodeProperty(type)
    }
}
