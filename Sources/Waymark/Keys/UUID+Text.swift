package import Foundation

/// A UUID's text without Foundation's detour over printf and scanf: several are written and read for each request.
extension UUID {
    package enum LetterCase { case lowercase, uppercase }

    /// The 36 characters of RFC 9562's text form; `uuidString` has the uppercase ones.
    package func text(_ letters: LetterCase) -> String {
        String(unsafeUninitializedCapacity: 36) { text in
            let digits: StaticString = letters == .uppercase ? "0123456789ABCDEF" : "0123456789abcdef"
            var length = 0
            func append(_ character: UInt8) {
                text.initializeElement(at: length, to: character)
                length += 1
            }
            withUnsafeBytes(of: uuid) { bytes in
                for (index, byte) in bytes.enumerated() {
                    if [4, 6, 8, 10].contains(index) { append(UInt8(ascii: "-")) }
                    append(digits.utf8Start[Int(byte >> 4)])
                    append(digits.utf8Start[Int(byte & 0x0F)])
                }
            }
            return length
        }
    }

    /// Nil where `text` is not a UUID's text, in letters of either case.
    init?(text: String) {
        var text = text
        let bytes: uuid_t? = text.withUTF8 { text in
            guard text.count == 36 else { return nil }
            var bytes = uuid_t(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
            let isRead = withUnsafeMutableBytes(of: &bytes) { bytes in
                var digits = 0
                for (index, character) in text.enumerated() {
                    if [8, 13, 18, 23].contains(index) {
                        guard character == UInt8(ascii: "-") else { return false }
                        continue
                    }
                    guard let digit = Self.digit(character) else { return false }
                    bytes[digits / 2] = bytes[digits / 2] << 4 | digit
                    digits += 1
                }
                return true
            }
            return isRead ? bytes : nil
        }
        guard let bytes else { return nil }
        self.init(uuid: bytes)
    }

    private static func digit(_ character: UInt8) -> UInt8? {
        switch character {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): character - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): character - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): character - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
