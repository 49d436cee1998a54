import Foundation
import OrderedCollections

/// Encodes a value as the canonical text of its JSON (see `JSONValue.canonical`) in one pass: what Foundation's encoder
/// makes of it, at less than half the cost, and never parsed again for its fingerprint.
///
/// An encoder stands for one part of the value, and keeps what was encoded until all of it is there: members are sorted,
/// and containers may be filled in any order.
final class CanonicalEncoder: Encoder {
    enum Part {
        /// A number or a word as it is written.
        case scalar(String)
        case string(String)
        /// A date between two milliseconds, and its text.
        case date(Date, String)
        case nested(CanonicalEncoder)
    }

    private enum Kind { case nothing, single, array, object }

    let codingPath: [any CodingKey]
    var userInfo: [CodingUserInfoKey: Any] { [:] }
    private var kind = Kind.nothing
    /// A single-value container's value; an array's elements.
    private(set) var parts: [Part] = []
    private var members: OrderedDictionary<String, Part> = [:]

    private init(codingPath: [any CodingKey]) {
        self.codingPath = codingPath
    }

    /// - Throws: `EncodingError` naming the field that does not encode, `WaymarkError` (`invalidJSON`) for what is nested
    ///   deeper than what is stored may be.
    static func text(of value: some Encodable) throws -> JSONText { try texts(of: value).stored }

    /// The same; also the text with each date rounded to milliseconds, where that is another.
    static func texts(of value: some Encodable) throws -> (stored: JSONText, rounded: JSONText?) {
        let encoder = CanonicalEncoder(codingPath: [])
        try encoder.take(value)
        if encoder.kind == .nothing { throw encoder.failure(value, nil, "the value encodes nothing") }
        var text = JSONText()
        try encoder.write(to: &text)
        guard text.holdsMicroseconds else { return (text, nil) }
        var rounded = JSONText(dates: .milliseconds)
        try encoder.write(to: &rounded)
        return (text, rounded)
    }

    func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
        become(.object)
        return KeyedEncodingContainer(ObjectEncoder<Key>(encoder: self))
    }

    func unkeyedContainer() -> any UnkeyedEncodingContainer {
        become(.array)
        return ArrayEncoder(encoder: self)
    }

    func singleValueContainer() -> any SingleValueEncodingContainer { self }

    /// The same kind of container may be asked for again, as a subclass does that shares its superclass's.
    private func become(_ kind: Kind) {
        precondition(
            self.kind == .nothing || self.kind == kind && kind != .single,
            "a value was encoded as two things, at '\(codingPath.dotted)'")
        self.kind = kind
        // Most objects have a handful of members.
        if kind == .object { members.reserveCapacity(8) }
    }

    /// Takes the only value of a single-value container.
    func set(_ part: Part) {
        become(.single)
        parts.append(part)
    }

    /// Takes an array's next element.
    func append(_ part: Part) { parts.append(part) }

    /// Takes a member, in place of one that has its name.
    func set(_ part: Part, for name: String) { members[name] = part }

    func member(_ name: String) -> Part? { members[name] }

    /// Takes the whole value.
    private func take<Value: Encodable>(_ value: Value) throws {
        if let part = try part(ofKnown: value, nil) { set(part) } else { try value.encode(to: self) }
    }

    /// What is encoded when a single-value container gets another value, which may encode nothing.
    func encode<Value: Encodable>(_ value: Value) throws {
        try take(value)
        if kind == .nothing { become(.object) }
    }

    /// A part of this value.
    func part<Value: Encodable>(of value: Value, _ key: any CodingKey) throws -> Part {
        if let part = try part(ofKnown: value, key) { return part }
        let encoder = nested(key)
        // Here, too, so that a value without end is refused before the stack ends.
        try encoder.checkDepth(codingPath.count)
        try value.encode(to: encoder)
        return .nested(encoder)
    }

    /// An encoder of a part of this value.
    func nested(_ key: any CodingKey) -> CanonicalEncoder {
        CanonicalEncoder(codingPath: codingPath + [key])
    }

    private func checkDepth(_ depth: Int) throws {
        guard depth > JSONCoding.storedDepth else { return }
        throw WaymarkError(
            .invalidJSON, "nested deeper than \(JSONCoding.storedDepth) levels", field: codingPath.dotted)
    }

    fileprivate func write(to text: inout JSONText) throws {
        switch kind {
        case .nothing: text.append("{}")
        case .single: try parts[0].write(to: &text)
        case .array:
            try checkDepth(codingPath.count + 1)
            text.append(mark: "[")
            for index in parts.indices {
                if index > 0 { text.append(mark: ",") }
                try parts[index].write(to: &text)
            }
            text.append(mark: "]")
        case .object:
            try checkDepth(codingPath.count + 1)
            text.append(mark: "{")
            let names = members.keys.elements
            let order = names.indices.sorted { JSONText.precedes(names[$0], names[$1]) }
            for index in order {
                if index != order[0] { text.append(mark: ",") }
                text.appendQuoted(names[index])
                text.append(mark: ":")
                try members.values[index].write(to: &text)
            }
            text.append(mark: "}")
        }
    }
}

extension CanonicalEncoder.Part {
    fileprivate func write(to text: inout JSONText) throws {
        switch self {
        case .scalar(let scalar): text.append(scalar)
        case .string(let string): text.appendQuoted(string)
        case .date(let date, let string): text.append(date, string)
        case .nested(let encoder): try encoder.write(to: &text)
        }
    }
}
