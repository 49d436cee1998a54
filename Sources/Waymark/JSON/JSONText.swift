import Foundation

/// JSON text that is being written, after RFC 8785's rules on strings.
struct JSONText {
    private(set) var bytes: [UInt8] = []
    /// Whether a string in it holds NUL, which PostgreSQL cannot store.
    private(set) var holdsNUL = false

    /// Whether a date in it is between two milliseconds.
    private(set) var holdsMicroseconds = false
    private let dates: DateText.Precision

    var string: String { String(decoding: bytes, as: UTF8.self) }

    init(dates: DateText.Precision = .microseconds) {
        self.dates = dates
        // Most values are a line long.
        bytes.reserveCapacity(256)
    }

    /// Appends a brace, a bracket, a comma or a colon.
    mutating func append(mark: Unicode.Scalar) {
        bytes.append(UInt8(ascii: mark))
    }

    /// Appends a number or a word as it is.
    mutating func append(_ scalar: String) {
        var scalar = scalar
        scalar.withUTF8 { bytes.append(contentsOf: $0) }
    }

    /// Appends a string in quotes, with the shortest escapes.
    mutating func appendQuoted(_ string: String) {
        var string = string
        append(mark: "\"")
        string.withUTF8 { utf8 in
            var plain = 0
            for (index, byte) in utf8.enumerated()
            where byte < 0x20 || byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") {
                bytes.append(contentsOf: utf8[plain..<index])
                appendEscape(of: byte)
                plain = index + 1
            }
            bytes.append(contentsOf: utf8[plain...])
        }
        append(mark: "\"")
    }

    /// Appends a date between two milliseconds, which has this text with microseconds.
    mutating func append(_ date: Date, _ text: String) {
        holdsMicroseconds = true
        appendQuoted(dates == .microseconds ? text : DateText.text(of: date, .milliseconds) ?? text)
    }

    private mutating func appendEscape(of byte: UInt8) {
        append(mark: "\\")
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes.append(byte)
        case 0x08: append(mark: "b")
        case 0x0C: append(mark: "f")
        case UInt8(ascii: "\n"): append(mark: "n")
        case UInt8(ascii: "\r"): append(mark: "r")
        case UInt8(ascii: "\t"): append(mark: "t")
        default:
            holdsNUL = holdsNUL || byte == 0
            append((byte < 0x10 ? "u000" : "u00") + String(byte, radix: 16))
        }
    }

    /// Whether a member's name comes before another's: by UTF-16 code units, which is by bytes, but that the characters
    /// beyond U+FFFF (their first byte is F0 or more) are surrogates and so come before those from U+E000 on (EE, EF).
    static func precedes(_ left: String, _ right: String) -> Bool {
        left.utf8.lexicographicallyPrecedes(right.utf8) { rank($0) < rank($1) }
    }

    private static func rank(_ byte: UInt8) -> UInt8 {
        byte == 0xEE || byte == 0xEF ? byte + 0x10 : byte
    }
}
