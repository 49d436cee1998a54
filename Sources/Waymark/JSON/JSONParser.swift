/// A recursive-descent parser over UTF-8 that keeps the path, so that every error names its field.
struct JSONParser {
    private let bytes: UnsafeBufferPointer<UInt8>
    private let depth: Int
    private var position = 0
    private var path: [String] = []

    /// Digits an exponent may have: 1e999999 is already beyond anything stored, and must not cost memory.
    private static let exponentDigits = 6
    /// Digits a number may have: PostgreSQL's numeric ends at 131,072 before the point; no measurement needs 1,000.
    private static let numberLength = 1_000

    static func parse(_ bytes: UnsafeBufferPointer<UInt8>, depth: Int) throws -> JSONValue {
        var parser = JSONParser(bytes: bytes, depth: depth)
        parser.skipSpace()
        let value = try parser.value()
        parser.skipSpace()
        if parser.position < bytes.count { throw parser.failure("unexpected text after the value") }
        return value
    }

    private init(bytes: UnsafeBufferPointer<UInt8>, depth: Int) {
        self.bytes = bytes
        self.depth = depth
    }

    private mutating func value() throws -> JSONValue {
        guard let first = peek else { throw failure("the text ends too early") }
        switch first {
        case UInt8(ascii: "{"): return try object()
        case UInt8(ascii: "["): return try array()
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
        default: throw failure("a value was expected")
        }
    }

    /// Steps over an opening brace or bracket, unless it opens one level too many.
    private mutating func enter() throws {
        guard path.count < depth else { throw failure("nested deeper than \(depth) levels") }
        position += 1
    }

    private mutating func object() throws -> JSONValue {
        try enter()
        var members: [String: JSONValue] = [:]
        skipSpace()
        if take("}") { return .object(members) }
        while true {
            skipSpace()
            guard peek == UInt8(ascii: "\"") else { throw failure("a member's name was expected") }
            let name = try string()
            path.append(name)
            skipSpace()
            guard take(":") else { throw failure("a colon was expected") }
            skipSpace()
            let member = try value()
            guard members.updateValue(member, forKey: name) == nil else { throw failure("the member is repeated") }
            path.removeLast()
            skipSpace()
            if take("}") { return .object(members) }
            guard take(",") else { throw failure("a comma or a closing brace was expected") }
        }
    }

    private mutating func array() throws -> JSONValue {
        try enter()
        var elements: [JSONValue] = []
        skipSpace()
        if take("]") { return .array(elements) }
        while true {
            path.append(String(elements.count))
            skipSpace()
            elements.append(try value())
            path.removeLast()
            skipSpace()
            if take("]") { return .array(elements) }
            guard take(",") else { throw failure("a comma or a closing bracket was expected") }
        }
    }

    private mutating func string() throws -> String {
        position += 1
        let start = position
        while let byte = peek, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\"), byte >= 0x20 { position += 1 }
        // Few strings hold escapes.
        if take("\"") { return String(decoding: bytes[start..<position - 1], as: UTF8.self) }
        return try string(after: Array(bytes[start..<position]))
    }

    /// The whole string, of which `units` are read.
    private mutating func string(after units: [UInt8]) throws -> String {
        var units = units
        while let byte = peek {
            position += 1
            switch byte {
            case UInt8(ascii: "\""): return String(decoding: units, as: UTF8.self)
            case UInt8(ascii: "\\"): units += try escape().utf8
            case 0..<0x20: throw failure("a control character stands bare in a string")
            default: units.append(byte)
            }
        }
        throw failure("a string does not end")
    }

    private mutating func escape() throws -> String {
        guard let byte = peek else { throw failure("a string does not end") }
        position += 1
        switch byte {
        case UInt8(ascii: "\""): return "\""
        case UInt8(ascii: "\\"): return "\\"
        case UInt8(ascii: "/"): return "/"
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{C}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"): return String(try unicodeEscape())
        default: throw failure("an unknown escape in a string")
        }
    }

    private mutating func unicodeEscape() throws -> Unicode.Scalar {
        let high = try hexUnit()
        if high == 0 { throw failure("a NUL character (\\u0000) cannot be stored") }
        if let scalar = Unicode.Scalar(high) { return scalar }
        guard high < 0xDC00, take("\\"), take("u") else { throw failure("a lone surrogate in a string") }
        let low = try hexUnit()
        guard (0xDC00...0xDFFF).contains(low) else { throw failure("a lone surrogate in a string") }
        let code = 0x10000 + (high - 0xD800) << 10 + (low - 0xDC00)
        guard let scalar = Unicode.Scalar(code) else { throw failure("a lone surrogate in a string") }
        return scalar
    }

    private mutating func hexUnit() throws -> UInt32 {
        guard position + 4 <= bytes.count else { throw failure("a string does not end") }
        var unit: UInt32 = 0
        for byte in bytes[position..<position + 4] {
            guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue, byte < 0x80 else {
                throw failure("a \\u escape takes four hexadecimal digits")
            }
            unit = unit << 4 + UInt32(digit)
        }
        position += 4
        return unit
    }

    private mutating func number() throws -> JSONValue {
        let start = position
        _ = take("-")
        let leadingZero = peek == UInt8(ascii: "0")
        let whole = digits()
        if whole == 0 || (leadingZero && whole > 1) { throw failure("a malformed number") }
        if take("."), digits() == 0 { throw failure("a malformed number") }
        if peek == UInt8(ascii: "e") || peek == UInt8(ascii: "E") {
            position += 1
            if !take("+") { _ = take("-") }
            let exponent = digits()
            if exponent == 0 { throw failure("a malformed number") }
            if exponent > Self.exponentDigits { throw failure("a number out of range") }
        }
        if position - start > Self.numberLength { throw failure("a number out of range") }
        return .number(String(decoding: bytes[start..<position], as: UTF8.self))
    }

    private mutating func digits() -> Int {
        let start = position
        while let byte = peek, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) { position += 1 }
        return position - start
    }

    private mutating func word(_ word: StaticString, _ value: JSONValue) throws -> JSONValue {
        for offset in 0..<word.utf8CodeUnitCount {
            guard peek == word.utf8Start[offset] else { throw failure("a value was expected") }
            position += 1
        }
        return value
    }

    private var peek: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard peek == UInt8(ascii: character) else { return false }
        position += 1
        return true
    }

    private mutating func skipSpace() {
        while let byte = peek, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { position += 1 }
    }

    private func failure(_ message: String) -> WaymarkError {
        path.isEmpty
            ? WaymarkError(.invalidJSON, "\(message) (at byte \(position))")
            : WaymarkError(.invalidJSON, message, field: path.joined(separator: "."))
    }
}
