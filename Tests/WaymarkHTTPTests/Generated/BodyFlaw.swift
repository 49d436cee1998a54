import Foundation

/// What can be wrong with a body of JSON.
enum BodyFlaw: String, CaseIterable {
    case nul, repeated, repeatedByEscape, loneSurrogate, hugeExponent, overflow, negative, tooExact, fraction, wrongType
    case missing, null, deep, byteOrderMark, notUTF8, truncated, second, empty, control, badEscape, longNumber,
        hexNumber
    case wrongDate, wrongElement, wrongMember, notAnObject, tooLarge, tooLargeBody
}

extension RequestGenerator {
    private static let required = ["amount", "exact", "weight", "count", "note"]
    /// A body over a limit takes a thousand times as long as any other, so one in so many of these is one.
    private static let largeEvery = 40

    mutating func flawed(_ flaw: BodyFlaw) -> GeneratedRequest {
        let isLarge = flaw == .tooLarge || flaw == .tooLargeBody
        if isLarge, Int.random(in: 0..<Self.largeEvery, using: &random) > 0 { return flawed(.truncated) }
        var request = good()
        request.kind = "body: \(flaw.rawValue)"
        let (body, field) = spoiled(goods(), flaw)
        request.body = body
        request.expectation = .refusal(isLarge ? 413 : 400, field: field)
        return request
    }

    /// The bytes, and the field that the problem must name.
    private mutating func spoiled(_ goods: GeneratedGoods, _ flaw: BodyFlaw) -> ([UInt8], field: String?) {
        switch flaw {
        case .byteOrderMark: return ([0xEF, 0xBB, 0xBF] + goods.json(&random).utf8, "body")
        case .notUTF8:
            let bytes = pick(
                [[0xFF], [0xC0, 0x80], [0xED, 0xA0, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xC3]] as [[UInt8]])
            return (
                Array(goods.json(&random).utf8.dropLast()) + Array(",\"x\":\"".utf8) + bytes + Array("\"}".utf8), "body"
            )
        case .truncated:
            let bytes = Array(goods.json(&random).utf8)
            // What is left without its closing brace is never a whole document.
            let end = bytes.lastIndex(of: UInt8(ascii: "}")) ?? 0
            return (Array(bytes[..<Int.random(in: 0...end, using: &random)]), nil)
        case .second: return (Array((goods.json(&random) + pick(["{}", " 1", ",", "]"])).utf8), "body")
        case .empty: return (Array(pick(["", " ", "\n\t"]).utf8), "body")
        case .notAnObject: return (Array(pick(["[]", "1", "\"x\"", "null", "true", "[{}]"]).utf8), "body")
        case .tooLargeBody: return ([UInt8](repeating: UInt8(ascii: " "), count: 1024 * 1024 + 1), "body")
        case .missing:
            let name = pick(Self.required)
            return (Array(goods.replacing(name, with: nil).json(&random).utf8), name)
        case .null:
            let name = pick(Self.required)
            return (Array(goods.replacing(name, with: "null").json(&random).utf8), name)
        case .repeated, .repeatedByEscape:
            let name = pick(Self.required)
            let again = flaw == .repeated ? name : "\\u00" + String(name.utf8.first ?? 0, radix: 16) + name.dropFirst()
            return (Array("\(goods.json(&random).dropLast()),\"\(again)\":1}".utf8), name)
        default:
            let (name, text, field) = spoiledMember(flaw)
            return (Array(goods.replacing(name, with: text).json(&random).utf8), field ?? name)
        }
    }

    /// A member, the text that spoils it, and the field in it that the problem must name.
    private mutating func spoiledMember(_ flaw: BodyFlaw) -> (name: String, text: String, field: String?) {
        switch flaw {
        case .nul: return ("note", pick(["\"\\u0000\"", "\"a\\u0000'; DROP\""]), nil)
        case .loneSurrogate:
            return ("note", pick(["\"\\ud800\"", "\"\\udc00x\"", "\"\\ud83d\\u0041\"", "\"\\ud83d\""]), nil)
        case .hugeExponent:
            return (pick(["weight", "amount"]), pick(["1e400", "-1e400", "1e999999", "1e9999999999"]), nil)
        case .overflow:
            return (
                "count", pick(["9223372036854775808", "-9223372036854775809", "1e19", "99999999999999999999"]), nil
            )
        case .negative: return ("exact", pick(["-1", "18446744073709551616", "1e20", "-1e0"]), nil)
        case .tooExact:
            return (
                "amount",
                pick(["340282366920938463463374607431768211457", "0.1234567890123456789012345678901234567890123"]), nil
            )
        case .fraction: return (pick(["count", "exact"]), pick(["1.5", "1e-1", "0.0000001"]), nil)
        case .wrongType:
            let number = pick(["\"7\"", "true", "[]", "{}", "\"'; DROP TABLE waymark.keys; --\""])
            return pick([
                (pick(["amount", "exact", "weight", "count"]), number, nil), ("note", pick(["7", "[]", "false"]), nil),
            ])
        case .deep:
            let depth = pick([65, 100, 1_000, 10_000])
            let closing = Bool.random(using: &random) ? String(repeating: "]", count: depth) : ""
            return ("tags", String(repeating: "[", count: depth) + closing, nil)
        case .control: return ("note", "\"a\(pick(["\u{1}", "\n", "\u{1F}", "\t"]))\"", nil)
        case .badEscape:
            return ("note", pick(["\"\\x41\"", "\"\\u12\"", "\"\\u00ZZ\"", "\"\\'\"", "\"\\u{41}\""]), nil)
        case .longNumber: return ("amount", "1" + String(repeating: "0", count: pick([1_000, 5_000])), nil)
        case .hexNumber:
            return (
                pick(["amount", "count"]), pick(["+1", "01", ".5", "1.", "NaN", "Infinity", "1e", "--1"]), nil
            )
        case .wrongDate: return ("due", pick(["\"yesterday\"", "\"2031-13-01T00:00:00Z\"", "5", "\"\""]), nil)
        case .wrongElement: return ("tags", pick(["[\"a\",7]", "[\"a\",null]", "[\"a\",[]]"]), "tags.1")
        case .wrongMember: return ("extra", pick(["{\"a\":7}", "{\"a\":null}"]), "extra.a")
        case .tooLarge: return ("note", "\"\(String(repeating: "x", count: 262_144))\"", "body")
        default: preconditionFailure("\(flaw) is no member's")
        }
    }
}
