import Foundation

/// Decodes values from parsed JSON. Unlike Foundation's decoder every error names its field, and numbers are read from
/// their digits.
///
/// A class, because it is passed on as an existential, which copies what is larger than three words to the heap each time.
final class JSONValueDecoder: Decoder {
    let value: JSONValue
    let codingPath: [any CodingKey]
    /// Whether strings stand for numbers and truth values too, as in a form, where everything is a string.
    let isForm: Bool
    var userInfo: [CodingUserInfoKey: Any] { [:] }

    init(value: JSONValue, codingPath: [any CodingKey], isForm: Bool) {
        self.value = value
        self.codingPath = codingPath
        self.isForm = isForm
    }

    func container<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
        guard case .object(let members) = value else { throw failure(.type, value, [String: Any].self, nil) }
        return KeyedDecodingContainer(JSONObjectDecoder(decoder: self, members: members))
    }

    func unkeyedContainer() throws -> any UnkeyedDecodingContainer {
        guard case .array(let elements) = value else { throw failure(.type, value, [Any].self, nil) }
        return JSONArrayDecoder(decoder: self, elements: elements)
    }

    func singleValueContainer() throws -> any SingleValueDecodingContainer { self }

    /// A decoder of a part of this value.
    func nested(_ value: JSONValue, _ key: any CodingKey) -> JSONValueDecoder {
        JSONValueDecoder(value: value, codingPath: codingPath + [key], isForm: isForm)
    }

    /// Decodes a part of this value, or, without a key, this value: those types that JSON has no notion of by their text.
    func unwrap<Value: Decodable>(_ type: Value.Type, _ value: JSONValue, _ key: (any CodingKey)?) throws -> Value {
        // Types are compared, not cast: a cast that fails is dear.
        if type == String.self { return try valid(string(value, type, key), key) }
        if type == Int.self { return try valid(integer(Int.self, value, key), key) }
        if type == Double.self { return try valid(floating(Double.self, value, key), key) }
        if type == UUID.self { return try valid(UUID(text: string(value, type, key)), key) }
        if type == Date.self { return try valid(DateText.date(from: string(value, type, key)), key) }
        if type == Data.self { return try valid(Data(base64Encoded: string(value, type, key)), key) }
        if type == URL.self { return try valid(URL(string: string(value, type, key)), key) }
        if type == Decimal.self { return try valid(Self.decimal(digits(value, type, key)), key) }
        return try Value(from: key.map { nested(value, $0) } ?? self)
    }

    private func valid<Value>(_ known: Any?, _ key: (any CodingKey)?) throws -> Value {
        if let value = known as? Value { return value }
        throw DecodingError.dataCorrupted(context("not a valid \(Value.self)", key))
    }

    /// Nil where a `Decimal` would round, as it does from its 39th digit on: two amounts must not become one.
    private static func decimal(_ digits: String) -> Decimal? {
        guard let decimal = Decimal(string: digits, locale: Locale(identifier: "en_US_POSIX")),
            DecimalNumber(decimal.description).canonical == DecimalNumber(digits).canonical
        else { return nil }
        return decimal
    }
}

/// Reads a part of this value, or, without a key, this value; where it does not fit, the error names it.
extension JSONValueDecoder {
    func bool(_ value: JSONValue, _ key: (any CodingKey)?) throws -> Bool {
        do { return try value.bool(isForm: isForm) } catch { throw failure(error, value, Bool.self, key) }
    }

    func string(_ value: JSONValue, _ type: any Any.Type, _ key: (any CodingKey)?) throws -> String {
        do { return try value.text() } catch { throw failure(error, value, type, key) }
    }

    func floating<Number: BinaryFloatingPoint & LosslessStringConvertible>(
        _ type: Number.Type, _ value: JSONValue, _ key: (any CodingKey)?
    ) throws -> Number {
        do { return try value.floating(type, isForm: isForm) } catch { throw failure(error, value, type, key) }
    }

    @inline(__always)  // As `JSONValue.integer`.
    func integer<Number: FixedWidthInteger>(
        _ type: Number.Type, _ value: JSONValue, _ key: (any CodingKey)?
    ) throws -> Number {
        do { return try value.integer(type, isForm: isForm) } catch { throw failure(error, value, type, key) }
    }

    private func digits(_ value: JSONValue, _ type: any Any.Type, _ key: (any CodingKey)?) throws -> String {
        do { return try value.digits(isForm: isForm) } catch { throw failure(error, value, type, key) }
    }

    private func failure(
        _ misfit: JSONValue.Misfit, _ value: JSONValue, _ type: any Any.Type, _ key: (any CodingKey)?
    ) -> DecodingError {
        switch misfit {
        case .range: .dataCorrupted(context("out of range for \(type)", key))
        case .type where value.isNull: .valueNotFound(type, context("another type was found", key))
        case .type: .typeMismatch(type, context("another type was found", key))
        }
    }

    private func context(_ description: String, _ key: (any CodingKey)?) -> DecodingError.Context {
        .init(codingPath: key.map { codingPath + [$0] } ?? codingPath, debugDescription: description)
    }
}
