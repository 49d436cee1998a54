import WaymarkTesting

@testable import Waymark

/// Random documents, and random spellings of them.
struct RandomJSON {
    var random: SeededGenerator

    init(_ random: SeededGenerator) {
        self.random = random
    }

    mutating func value(depth: Int = 0) -> JSONValue {
        switch Int.random(in: 0..<(depth > 4 ? 5 : 8), using: &random) {
        case 0: return .null
        case 1: return .bool(.random(using: &random))
        case 2, 3: return .number(number())
        case 4: return .string(string())
        case 5, 6:
            return .array((0..<Int.random(in: 0...4, using: &random)).map { _ in value(depth: depth + 1) })
        default:
            let names = (0..<Int.random(in: 0...5, using: &random)).map { _ in string() }
            return .object(names.reduce(into: [:]) { $0[$1] = value(depth: depth + 1) })
        }
    }

    /// A number that a double can hold, more or less exactly.
    mutating func number() -> String {
        let digits = Int.random(in: -999_999_999_999...999_999_999_999, using: &random)
        switch Int.random(in: 0..<4, using: &random) {
        case 0: return "\(digits % 1_000)"
        case 1: return "\(digits)"
        case 2: return "\(digits).\(Int.random(in: 0...9_999, using: &random))"
        default: return "\(digits)e\(Int.random(in: -280...280, using: &random))"
        }
    }

    /// Characters of every kind that a string can hold, but NUL.
    mutating func string() -> String {
        var scalars = String.UnicodeScalarView()
        for _ in 0..<Int.random(in: 0...8, using: &random) {
            let ranges: [ClosedRange<UInt32>] = [
                0x01...0x1F, 0x20...0x7E, 0x22...0x22, 0x5C...0x5C, 0x7F...0xFF, 0x300...0x330, 0x1100...0x1200,
                0x2000...0x20FF, 0xD000...0xD7FF, 0xE000...0xFFFF, 0x1_0000...0x10_FFFF,
            ]
            guard let range = ranges.randomElement(using: &random),
                let scalar = Unicode.Scalar(UInt32.random(in: range, using: &random))
            else { continue }
            scalars.append(scalar)
        }
        return String(scalars)
    }

    /// One of a document's many texts: space, escapes and the order of members by chance.
    mutating func text(of value: JSONValue) -> String {
        switch value {
        case .null: return space() + "null" + space()
        case .bool(let value): return space() + "\(value)" + space()
        case .number(let digits): return space() + digits + space()
        case .string(let value): return space() + quoted(value) + space()
        case .array(let elements):
            return space() + "[" + space() + elements.map { text(of: $0) }.joined(separator: ",") + "]" + space()
        case .object(let members):
            let list = members.shuffled(using: &random).map { member in
                space() + quoted(member.key) + space() + ":" + text(of: member.value)
            }
            return space() + "{" + space() + list.joined(separator: ",") + "}" + space()
        }
    }

    private mutating func space() -> String {
        ["", "", "", " ", "\n", "\t", "\r\n"].randomElement(using: &random) ?? ""
    }

    private mutating func quoted(_ string: String) -> String {
        var text = "\""
        for scalar in string.unicodeScalars {
            let mustEscape = scalar.value < 0x20 || scalar == "\"" || scalar == "\\"
            guard mustEscape || Int.random(in: 0..<4, using: &random) == 0 else {
                text.unicodeScalars.append(scalar)
                continue
            }
            for unit in String(scalar).utf16 {
                let hex = String(unit, radix: 16, uppercase: .random(using: &random))
                text += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
            }
        }
        return text + "\""
    }
}
