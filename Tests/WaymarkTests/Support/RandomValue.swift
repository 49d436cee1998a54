import Foundation

@testable import Waymark

/// Values that encode themselves by every means that an encoder offers.
indirect enum RandomValue: Encodable {
    /// A value of a type that encodes itself.
    case plain(any Encodable & Sendable)
    case null
    case elements([RandomValue])
    case members([(String, RandomValue)])
    case dictionary([String: RandomValue])
    case numbered([Int: RandomValue])
    /// Containers within a keyed one, the first asked for twice.
    case nested(inObject: [(String, RandomValue)], inArray: [RandomValue])
    /// The same within an unkeyed one.
    case listed(object: [(String, RandomValue)], array: [RandomValue])
    case inherited(own: RandomValue, base: RandomValue)
    case wrapped(RandomValue)
    case payload(Payload)
    /// Encodes nothing.
    case nothing

    enum Payload: Codable, Sendable {
        case none
        case one(Int)
        case named(first: String?, second: [Double])
    }

    private struct Name: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }
        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    func encode(to encoder: any Encoder) throws {
        switch self {
        case .plain(let value): try value.encode(throughContainerOf: encoder)
        case .null:
            var container = encoder.singleValueContainer()
            try container.encodeNil()
        case .elements(let elements):
            var container = encoder.unkeyedContainer()
            try Self.encode(elements, into: &container)
        case .members(let members):
            var container = encoder.container(keyedBy: Name.self)
            try Self.encode(members, into: &container)
        case .dictionary(let members): try members.encode(throughContainerOf: encoder)
        case .numbered(let members): try members.encode(to: encoder)
        case .nested(let members, let elements):
            var container = encoder.container(keyedBy: Name.self)
            var object = container.nestedContainer(keyedBy: Name.self, forKey: Name(stringValue: "object"))
            var array = container.nestedUnkeyedContainer(forKey: Name(stringValue: "array"))
            try Self.encode(elements, into: &array)
            try Self.encode(members, into: &object)
            var again = container.nestedContainer(keyedBy: Name.self, forKey: Name(stringValue: "object"))
            try again.encode(members.count, forKey: Name(stringValue: "count"))
        case .listed(let members, let elements):
            var container = encoder.unkeyedContainer()
            var object = container.nestedContainer(keyedBy: Name.self)
            var array = container.nestedUnkeyedContainer()
            try Self.encode(elements, into: &array)
            try Self.encode(members, into: &object)
            try RandomValue.wrapped(.null).encode(to: container.superEncoder())
        case .inherited(let own, let base):
            var container = encoder.container(keyedBy: Name.self)
            try base.encode(to: container.superEncoder())
            try base.encode(to: container.superEncoder(forKey: Name(stringValue: "base")))
            try container.encode(own, forKey: Name(stringValue: "own"))
        case .wrapped(let value): try value.encode(throughContainerOf: encoder)
        case .payload(let payload): try payload.encode(to: encoder)
        case .nothing: break
        }
    }

    private static func encode(
        _ elements: [RandomValue], into container: inout some UnkeyedEncodingContainer
    ) throws {
        for element in elements {
            if case .null = element { try container.encodeNil() } else { try container.encode(element) }
        }
    }

    private static func encode(
        _ members: [(String, RandomValue)], into container: inout KeyedEncodingContainer<Name>
    ) throws {
        for (name, value) in members {
            if case .null = value { try container.encodeNil(forKey: Name(stringValue: name)); continue }
            try container.encode(value, forKey: Name(stringValue: name))
        }
    }
}

extension Encodable {
    /// As `RawRepresentable` and `Optional` do, and as a member's value is encoded.
    func encode(throughContainerOf encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(self)
    }
}

extension RandomJSON {
    mutating func encodable(depth: Int = 0) -> RandomValue {
        func below(_ count: Int) -> Int { Int.random(in: 0...count, using: &random) }
        switch Int.random(in: 0..<(depth > 4 ? 6 : 14), using: &random) {
        case 0: return .null
        case 1: return .payload([.none, .one(below(9)), .named(first: string(), second: [0.5])][below(2)])
        case 2: return .nothing
        case 3...5: return .plain(scalar())
        case 6, 7: return .elements((0..<below(4)).map { _ in encodable(depth: depth + 1) })
        case 8: return .members(members(depth))
        case 9: return .dictionary(Dictionary(members(depth)) { first, _ in first })
        case 10: return .numbered([below(99): encodable(depth: depth + 1), -1 - below(9): .null])
        case 11:
            return .nested(
                inObject: members(depth), inArray: (0..<below(2)).map { _ in encodable(depth: depth + 1) })
        case 12:
            return .listed(object: members(depth), array: (0..<below(2)).map { _ in encodable(depth: depth + 1) })
        default:
            return Bool.random(using: &random)
                ? .wrapped(encodable(depth: depth + 1))
                : .inherited(own: encodable(depth: depth + 1), base: .members(members(depth)))
        }
    }

    /// Members of an object, now and then one twice.
    private mutating func members(_ depth: Int) -> [(String, RandomValue)] {
        var members = (0..<Int.random(in: 0...20, using: &random) / (depth + 1)).map { _ in
            (string(), encodable(depth: depth + 1))
        }
        if let first = members.first, Int.random(in: 0..<4, using: &random) == 0 {
            members.append((first.0, .plain("again")))
        }
        return members
    }

    private mutating func scalar() -> any Encodable & Sendable {
        let bits = UInt64.random(in: .min ... .max, using: &random)
        let double = Double(bitPattern: bits)
        let float = Float(bitPattern: UInt32(truncatingIfNeeded: bits))
        let date = Date(timeIntervalSince1970: Double(bits >> 12) / 1e6 - 1e9)
        let decimal = Decimal(
            sign: bits & 1 == 0 ? .plus : .minus, exponent: Int(bits >> 3 & 0x7F) - 64,
            significand: Decimal(bits >> 11))
        let choices: [any Encodable & Sendable] = [
            string(), Bool.random(using: &random), double.isFinite ? double : 0.1, float.isFinite ? float : 0.1,
            Double(Int64(bitPattern: bits) >> 20) / 1000, Int(truncatingIfNeeded: bits), Int8(truncatingIfNeeded: bits),
            Int16(truncatingIfNeeded: bits), Int32(truncatingIfNeeded: bits), Int64(bitPattern: bits), UInt(bits),
            UInt8(truncatingIfNeeded: bits), UInt16(truncatingIfNeeded: bits), UInt32(truncatingIfNeeded: bits), bits,
            UUID(), date, Data(string().utf8), decimal, Int?.none, Int?.some(7), [Date?.some(date), nil],
            URL(string: "https://example.com/\(bits)?a=b#c"), ["a": [1: double.isFinite ? [double] : []]],
        ]
        return choices[Int.random(in: choices.indices, using: &random)]
    }
}
