import Foundation

/// Decodes values from parsed JSON. Unlike Foundation's decoder every error names its field, and numbers are read from
/// their digits.
struct JSONValueDecoder: Decoder {
    let value: JSONValue
    let codingPath: [any CodingKey]
    /// Whether strings stand for numbers and truth values too, as in a form, where everything is a string.
    let isForm: Bool
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    func container<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
        guard case .object(let members) = value else { throw mismatch([String: Any].self) }
        return KeyedDecodingContainer(JSONObjectDecoder(decoder: self, members: members))
    }

    func unkeyedContainer() throws -> any UnkeyedDecodingContainer {
        guard case .array(let elements) = value else { throw mismatch([Any].self) }
        return JSONArrayDecoder(decoder: self, elements: elements)
    }

    func singleValueContainer() throws -> any SingleValueDecodingContainer { self }

    /// A decoder of a part of this value.
    func nested(_ value: JSONValue, _ key: any CodingKey) -> JSONValueDecoder {
        JSONValueDecoder(value: value, codingPath: codingPath + [key], isForm: isForm)
    }

    func mismatch(_ type: any Any.Type) -> DecodingError {
        let context = DecodingError.Context(codingPath: codingPath, debugDescription: "another type was found")
        return value == .null ? .valueNotFound(type, context) : .typeMismatch(type, context)
    }

    /// Decodes any type: those that JSON has no notion of by their text.
    func unwrap<Value: Decodable>(_ type: Value.Type) throws -> Value {
        let special: Any?
        switch type {
        case is Date.Type: special = try JSONCoding.date(from: text(type))
        case is Data.Type: special = Data(base64Encoded: try text(type))
        case is URL.Type: special = URL(string: try text(type))
        case is Decimal.Type: special = Self.decimal(try digits(type))
        default: return try Value(from: self)
        }
        guard let special = special as? Value else {
            throw DecodingError.dataCorrupted(
                .init(codingPath: codingPath, debugDescription: "not a valid \(type)"))
        }
        return special
    }

    /// Nil where a `Decimal` would round, as it does from its 39th digit on: two amounts must not become one.
    private static func decimal(_ digits: String) -> Decimal? {
        guard let decimal = Decimal(string: digits, locale: Locale(identifier: "en_US_POSIX")),
            DecimalNumber(decimal.description).canonical == DecimalNumber(digits).canonical
        else { return nil }
        return decimal
    }

    func text(_ type: any Any.Type) throws -> String {
        guard case .string(let text) = value else { throw mismatch(type) }
        return text
    }

    /// The digits of a number.
    func digits(_ type: any Any.Type) throws -> String {
        switch value {
        case .number(let digits): return digits
        case .string(let text) where isForm:
            guard case .number(let digits)? = try? JSONValue(parsing: text) else { throw mismatch(type) }
            return digits
        default: throw mismatch(type)
        }
    }
}

extension JSONValueDecoder: SingleValueDecodingContainer {
    func decodeNil() -> Bool { value == .null }

    func decode(_ type: Bool.Type) throws -> Bool {
        switch value {
        case .bool(let bool): return bool
        case .string("true") where isForm: return true
        case .string("false") where isForm: return false
        default: throw mismatch(type)
        }
    }

    func decode(_ type: String.Type) throws -> String { try text(type) }
    func decode(_ type: Double.Type) throws -> Double { try floating(type) { $0.isFinite } }
    func decode(_ type: Float.Type) throws -> Float { try floating(type) { $0.isFinite } }
    func decode(_ type: Int.Type) throws -> Int { try integer(type) }
    func decode(_ type: Int8.Type) throws -> Int8 { try integer(type) }
    func decode(_ type: Int16.Type) throws -> Int16 { try integer(type) }
    func decode(_ type: Int32.Type) throws -> Int32 { try integer(type) }
    func decode(_ type: Int64.Type) throws -> Int64 { try integer(type) }
    func decode(_ type: UInt.Type) throws -> UInt { try integer(type) }
    func decode(_ type: UInt8.Type) throws -> UInt8 { try integer(type) }
    func decode(_ type: UInt16.Type) throws -> UInt16 { try integer(type) }
    func decode(_ type: UInt32.Type) throws -> UInt32 { try integer(type) }
    func decode(_ type: UInt64.Type) throws -> UInt64 { try integer(type) }
    func decode<Value: Decodable>(_ type: Value.Type) throws -> Value { try unwrap(type) }

    private func floating<Value: LosslessStringConvertible>(
        _ type: Value.Type, _ isValid: (Value) -> Bool
    ) throws -> Value {
        guard let value = Value(try digits(type)), isValid(value) else { throw outOfRange(type) }
        return value
    }

    /// Whole numbers, however they are spelled: 10, 10.0 and 1e1 are the same.
    private func integer<Value: FixedWidthInteger>(_ type: Value.Type) throws -> Value {
        let digits = try digits(type)
        if let value = Value(digits) { return value }
        guard let plain = DecimalNumber(digits).wholeDigits else { throw mismatch(type) }
        guard let value = Value(plain) else { throw outOfRange(type) }
        return value
    }

    private func outOfRange(_ type: any Any.Type) -> DecodingError {
        .dataCorrupted(.init(codingPath: codingPath, debugDescription: "out of range for \(type)"))
    }
}
