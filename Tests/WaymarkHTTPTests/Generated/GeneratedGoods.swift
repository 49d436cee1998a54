import Foundation
import WaymarkTesting

/// The members of a good request, by their spelling.
struct GeneratedGoods {
    /// Name and JSON text of each member.
    var members: [(name: String, text: String)]
    /// The answer to it, byte by byte.
    let receipt: String

    /// A document of the members, in any order, with space by chance.
    func json(_ random: inout SeededGenerator) -> String {
        let space = ["", "", " ", "\n", "\t "].randomElement(using: &random) ?? ""
        let list = members.shuffled(using: &random).map { "\"\($0.name)\":\(space)\($0.text)" }
        return "{\(space)\(list.joined(separator: ",\(space)"))\(space)}"
    }

    /// The same with one member's text replaced; nil leaves it out.
    func replacing(_ name: String, with text: String?) -> GeneratedGoods {
        var copy = self
        copy.members.removeAll { $0.name == name }
        if let text { copy.members.append((name, text)) }
        return copy
    }
}

extension RequestGenerator {
    /// Numbers of up to 38 digits, which a `Decimal` holds exactly, in one of their spellings.
    mutating func goods() -> GeneratedGoods {
        let whole = "\(Int.random(in: 1...9, using: &random))" + digits(0...19)
        let fraction = Bool.random(using: &random) ? digits(0...16) + "\(Int.random(in: 1...9, using: &random))" : ""
        let amount = fraction.isEmpty ? whole : "\(whole).\(fraction)"
        let exact = UInt64.random(in: .min ... .max, using: &random)
        let count = Int.random(in: .min ... .max, using: &random)
        let note = pick([text(12), pick(Self.metacharacters), ""])
        var members = [
            ("amount", spelled(whole, fraction)), ("exact", "\(exact)"),
            ("weight", pick(["0", "-0", "1.5", "1e-300", "5e-324", "1.7976931348623157e308", "1E+2"])),
            ("count", pick(["\(count)", "\(count).0", "\(count)e0"])), ("note", Self.json(note)),
        ]
        if Bool.random(using: &random) { members.append(("due", pick(["\"2031-05-06T07:08:09Z\"", "null"]))) }
        if Bool.random(using: &random) { members.append(("tags", pick(["[]", "null", "[\(Self.json(text(5)))]"]))) }
        if Bool.random(using: &random) { members.append(("extra", "{\(Self.json(text(5))):\"x\"}")) }
        // A member that nobody asked for is passed over, whatever it holds.
        if Bool.random(using: &random) { members.append(("other", pick(["1e999", "[[[]]]", "{\"a\":{}}"]))) }
        let receipt = #"{"amount":\#(amount),"count":\#(count),"exact":\#(exact),"note":\#(Self.json(note))}"#
        return GeneratedGoods(members: members, receipt: receipt)
    }

    private mutating func digits(_ count: ClosedRange<Int>) -> String {
        (0..<Int.random(in: count, using: &random)).map { _ in "\(Int.random(in: 0...9, using: &random))" }.joined()
    }

    /// One of a number's spellings.
    private mutating func spelled(_ whole: String, _ fraction: String) -> String {
        let plain = fraction.isEmpty ? whole : "\(whole).\(fraction)"
        let asInteger = whole + fraction + "e-\(fraction.count)"
        let zeros = fraction.isEmpty ? "\(whole).000" : "\(plain)00"
        return pick([plain, zeros, asInteger, "\(plain)e0", "\(plain)E+00"])
    }

    /// A string as Foundation spells it, which is none of our code.
    static func json(_ text: String) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .withoutEscapingSlashes
        // A string always encodes.
        return (try? encoder.encode(text)).map { String(decoding: $0, as: UTF8.self) } ?? "\"\""
    }
}
