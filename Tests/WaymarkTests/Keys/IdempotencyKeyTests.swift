import Testing
import Waymark

@Suite struct IdempotencyKeyTests {
    @Test(arguments: ["k", " ", "~", "a b", "\"quoted\"", "8e03978e-40d5-43e8-bc93-6894a57f9324"])
    func takesPrintableASCII(key: String) throws {
        #expect(try IdempotencyKey(key).description == key)
    }

    @Test func takesEveryPrintableCharacterUpToTheLimit() throws {
        let all = String(decoding: Array(UInt8(0x20)...0x7E), as: UTF8.self)
        #expect(try IdempotencyKey(all).description == all)
        let longest = String(repeating: "k", count: 255)
        #expect(try IdempotencyKey(longest).description == longest)
    }

    @Test(arguments: [
        ("", "the idempotency key is empty"),
        ("a\nb", "the idempotency key holds a character that is not printable ASCII"),
        ("\0", "the idempotency key holds a character that is not printable ASCII"),
        ("\u{7F}", "the idempotency key holds a character that is not printable ASCII"),
        ("\u{1F}", "the idempotency key holds a character that is not printable ASCII"),
        ("schlüssel", "the idempotency key holds a character that is not printable ASCII"),
        (String(repeating: "k", count: 256), "the idempotency key has 256 characters; 255 at most"),
    ])
    func refuses(key: String, message: String) {
        let error = #expect(throws: WaymarkError.self) { try IdempotencyKey(key) }
        #expect(error?.code == .invalidKey)
        #expect(error?.message == message)
        #expect(error?.field == "Idempotency-Key")
    }

    @Test(arguments: ["s", "tenant 1", "bücher", "€", String(repeating: "s", count: 255), "\u{A0}"])
    func scopesAreTextWithoutControls(scope: String) throws {
        #expect(try Scope(scope).description == scope)
    }

    /// 255 are bytes, not characters; U+0085 is a control character too.
    @Test(arguments: [
        "", "a\0b", "a\tb", "a\u{7F}", "a\u{85}b", "\u{9F}", String(repeating: "s", count: 256),
        String(repeating: "ü", count: 128),
    ])
    func refusesScopes(scope: String) {
        let error = #expect(throws: WaymarkError.self) { try Scope(scope) }
        #expect(error?.code == .invalidScope)
        #expect(error?.message == "a scope is 1 to 255 bytes without control characters")
        #expect(error?.field == "scope")
    }
}
