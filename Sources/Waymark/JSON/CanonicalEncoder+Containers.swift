extension CanonicalEncoder: SingleValueEncodingContainer {
    func encodeNil() { set(.null) }
    func encode(_ value: Bool) { set(.bool(value)) }
    func encode(_ value: String) { set(.string(value)) }
    func encode(_ value: Double) throws { set(try number(value, nil)) }
    func encode(_ value: Float) throws { set(try number(value, nil)) }
    func encode<Number: FixedWidthInteger & Encodable>(_ value: Number) { set(.scalar(String(value))) }
}

extension CanonicalEncoder.Part {
    static var null: Self { .scalar("null") }
    static func bool(_ value: Bool) -> Self { .scalar(value ? "true" : "false") }
}

/// The members of a JSON object.
struct ObjectEncoder<Key: CodingKey>: KeyedEncodingContainerProtocol {
    let encoder: CanonicalEncoder

    var codingPath: [any CodingKey] { encoder.codingPath }

    func encodeNil(forKey key: Key) { set(.null, key) }
    func encode(_ value: Bool, forKey key: Key) { set(.bool(value), key) }
    func encode(_ value: String, forKey key: Key) { set(.string(value), key) }
    func encode(_ value: Double, forKey key: Key) throws { set(try encoder.number(value, key), key) }
    func encode(_ value: Float, forKey key: Key) throws { set(try encoder.number(value, key), key) }
    func encode<Number: FixedWidthInteger & Encodable>(_ value: Number, forKey key: Key) {
        set(.scalar(String(value)), key)
    }
    func encode<Value: Encodable>(_ value: Value, forKey key: Key) throws {
        set(try encoder.part(of: value, key), key)
    }

    func nestedContainer<NestedKey: CodingKey>(
        keyedBy type: NestedKey.Type, forKey key: Key
    ) -> KeyedEncodingContainer<NestedKey> {
        nested(key).container(keyedBy: type)
    }

    func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer { nested(key).unkeyedContainer() }

    func superEncoder() -> any Encoder { another(JSONSuperKey()) }
    func superEncoder(forKey key: Key) -> any Encoder { another(key) }

    private func set(_ part: CanonicalEncoder.Part, _ key: any CodingKey) { encoder.set(part, for: key.stringValue) }

    /// The encoder of a member that may have been begun already.
    private func nested(_ key: Key) -> CanonicalEncoder {
        if case .nested(let begun) = encoder.member(key.stringValue) { return begun }
        return another(key)
    }

    private func another(_ key: any CodingKey) -> CanonicalEncoder {
        let nested = encoder.nested(key)
        set(.nested(nested), key)
        return nested
    }
}

/// The elements of a JSON array.
struct ArrayEncoder: UnkeyedEncodingContainer {
    let encoder: CanonicalEncoder

    var codingPath: [any CodingKey] { encoder.codingPath }
    var count: Int { encoder.parts.count }
    private var key: JSONIndex { JSONIndex(intValue: count) }

    func encodeNil() { encoder.append(.null) }
    func encode(_ value: Bool) { encoder.append(.bool(value)) }
    func encode(_ value: String) { encoder.append(.string(value)) }
    func encode(_ value: Double) throws { encoder.append(try encoder.number(value, key)) }
    func encode(_ value: Float) throws { encoder.append(try encoder.number(value, key)) }
    func encode<Number: FixedWidthInteger & Encodable>(_ value: Number) { encoder.append(.scalar(String(value))) }
    func encode<Value: Encodable>(_ value: Value) throws { encoder.append(try encoder.part(of: value, key)) }

    func nestedContainer<NestedKey: CodingKey>(
        keyedBy type: NestedKey.Type
    ) -> KeyedEncodingContainer<NestedKey> {
        nested().container(keyedBy: type)
    }

    func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer { nested().unkeyedContainer() }
    func superEncoder() -> any Encoder { nested() }

    private func nested() -> CanonicalEncoder {
        let nested = encoder.nested(key)
        encoder.append(.nested(nested))
        return nested
    }
}
