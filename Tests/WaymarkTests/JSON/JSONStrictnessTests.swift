import Testing

@testable import Waymark

/// What the parser refuses, and where it says the fault lies.
@Suite struct JSONStrictnessTests {
    struct Refusal: CustomTestStringConvertible {
        let text: String
        let message: String
        var field: String?
        var testDescription: String { text }

        init(_ text: String, _ message: String, field: String? = nil) {
            self.text = text
            self.message = message
            self.field = field
        }
    }

    static let structure = [
        Refusal("", "the text ends too early (at byte 0)"),
        Refusal("  ", "the text ends too early (at byte 2)"),
        Refusal("{", "a member's name was expected (at byte 1)"),
        Refusal("{,}", "a member's name was expected (at byte 1)"),
        Refusal("{\"a\":1,}", "a member's name was expected (at byte 7)"),
        Refusal("{a:1}", "a member's name was expected (at byte 1)"),
        Refusal("{'a':1}", "a member's name was expected (at byte 1)"),
        Refusal("{\"a\"}", "a colon was expected", field: "a"),
        Refusal("{\"a\" 1}", "a colon was expected", field: "a"),
        Refusal("{\"a\":}", "a value was expected", field: "a"),
        Refusal("{\"a\":1", "a comma or a closing brace was expected (at byte 6)"),
        Refusal("{\"a\":1 \"b\":2}", "a comma or a closing brace was expected (at byte 7)"),
        Refusal("{\"a\":1]", "a comma or a closing brace was expected (at byte 6)"),
        Refusal("[", "the text ends too early", field: "0"),
        Refusal("[1,]", "a value was expected", field: "1"),
        Refusal("[,1]", "a value was expected", field: "0"),
        Refusal("[1 2]", "a comma or a closing bracket was expected (at byte 3)"),
        Refusal("[1", "a comma or a closing bracket was expected (at byte 2)"),
        Refusal("[1}", "a comma or a closing bracket was expected (at byte 2)"),
        Refusal("]", "a value was expected (at byte 0)"),
        Refusal("1 2", "unexpected text after the value (at byte 2)"),
        Refusal("{}x", "unexpected text after the value (at byte 2)"),
        Refusal("{}\0", "unexpected text after the value (at byte 2)"),
        Refusal("null,", "unexpected text after the value (at byte 4)"),
        Refusal("// note\n1", "a value was expected (at byte 0)"),
        Refusal("1/* note */", "unexpected text after the value (at byte 1)"),
        Refusal("\u{FEFF}{}", "a value was expected (at byte 0)"),
        Refusal("\u{A0}1", "a value was expected (at byte 0)"),
        Refusal("\u{C}1", "a value was expected (at byte 0)"),
    ]

    static let words = [
        Refusal("nul", "a value was expected (at byte 3)"),
        Refusal("nulL", "a value was expected (at byte 3)"),
        Refusal("True", "a value was expected (at byte 0)"),
        Refusal("truefalse", "unexpected text after the value (at byte 4)"),
        Refusal("undefined", "a value was expected (at byte 0)"),
        Refusal("NaN", "a value was expected (at byte 0)"),
        Refusal("Infinity", "a value was expected (at byte 0)"),
        Refusal("{\"a\":{\"b\":fals}}", "a value was expected", field: "a.b"),
    ]

    static let numbers =
        [
            "-", "01", "00", "-01", "1.", ".5", "+1", "1e", "1e+", "1E-", "1.e5", "0x10", "1_000", "--1", "1.2.3",
            "-Infinity",
        ]

    static let strings = [
        Refusal("\"", "a string does not end (at byte 1)"),
        Refusal("\"abc", "a string does not end (at byte 4)"),
        Refusal("\"\\", "a string does not end (at byte 2)"),
        Refusal("\"\\\"", "a string does not end (at byte 3)"),
        Refusal("\"\\u00", "a string does not end (at byte 3)"),
        Refusal("\"\\x\"", "an unknown escape in a string (at byte 3)"),
        Refusal("\"\\U0041\"", "an unknown escape in a string (at byte 3)"),
        Refusal("\"\\'\"", "an unknown escape in a string (at byte 3)"),
        Refusal("\"\\u00g0\"", "a \\u escape takes four hexadecimal digits (at byte 3)"),
        Refusal("\"\\u+041\"", "a \\u escape takes four hexadecimal digits (at byte 3)"),
        Refusal("\"\\u00é\"", "a \\u escape takes four hexadecimal digits (at byte 3)"),
        Refusal("\"\n\"", "a control character stands bare in a string (at byte 2)"),
        Refusal("\"\t\"", "a control character stands bare in a string (at byte 2)"),
        Refusal("\"\u{1F}\"", "a control character stands bare in a string (at byte 2)"),
        Refusal("\"\0\"", "a control character stands bare in a string (at byte 2)"),
        Refusal("\"\\u0000\"", "a NUL character (\\u0000) cannot be stored (at byte 7)"),
        Refusal("{\"a\":[1,\"x\\u0000\"]}", "a NUL character (\\u0000) cannot be stored", field: "a.1"),
        Refusal("{\"\\u0000\":1}", "a NUL character (\\u0000) cannot be stored (at byte 8)"),
        Refusal("\"\\ud800\"", "a lone surrogate in a string (at byte 7)"),
        Refusal("\"\\udc00\"", "a lone surrogate in a string (at byte 7)"),
        Refusal("\"\\udc00\\ud800\"", "a lone surrogate in a string (at byte 7)"),
        Refusal("\"\\ud800x\"", "a lone surrogate in a string (at byte 7)"),
        Refusal("\"\\ud800\\n\"", "a lone surrogate in a string (at byte 8)"),
        Refusal("\"\\ud800\\u0041\"", "a lone surrogate in a string (at byte 13)"),
        Refusal("\"\\ud800\\ud800\"", "a lone surrogate in a string (at byte 13)"),
        Refusal("[{\"b\":\"\\uDFFF\"}]", "a lone surrogate in a string", field: "0.b"),
    ]

    static let repetitions = [
        Refusal("{\"a\":1,\"a\":1}", "the member is repeated", field: "a"),
        Refusal("{\"a\":1,\"\\u0061\":2}", "the member is repeated", field: "a"),
        Refusal("{\"\":1,\"\":2}", "the member is repeated", field: ""),
        Refusal("[0,{\"x\":{\"y\":[{\"z\":1,\"q\":2,\"z\":3}]}}]", "the member is repeated", field: "1.x.y.0.z"),
        // Two spellings of one character are two members to JSON, and one property to Swift: better refused than guessed.
        Refusal("{\"\\u00e9\":1,\"e\\u0301\":2}", "the member is repeated", field: "e\u{301}"),
    ]

    @Test(arguments: structure + words + strings + repetitions)
    func refuses(refusal: Refusal) throws {
        let error = try #require(
            #expect(throws: WaymarkError.self) { try JSONValue(parsing: refusal.text) }
        )
        #expect(error.code == .invalidJSON)
        #expect(error.message == refusal.message)
        #expect(error.field == refusal.field)
    }

    @Test(arguments: numbers)
    func refusesNumbers(text: String) throws {
        let error = #expect(throws: WaymarkError.self) { try JSONValue(parsing: "{\"price\":[\(text)]}") }
        #expect(error?.code == .invalidJSON)
        let isNamed = error?.field == "price.0" || error?.message.contains("at byte") == true || error?.field == "price"
        #expect(isNamed, "\(String(describing: error))")
    }

    @Test(arguments: [
        [0xFF], [0xC3, 0x28], [0x22, 0xC0, 0x80, 0x22], [0x22, 0xED, 0xA0, 0x80, 0x22], [0x22, 0xE2, 0x82],
        [0x22, 0xF5, 0x80, 0x80, 0x80, 0x22],
    ])
    func refusesWhatIsNotUTF8(bytes: [UInt8]) {
        let error = #expect(throws: WaymarkError.self) { try JSONValue(parsing: bytes) }
        #expect(error?.code == .invalidJSON)
        #expect(error?.message == "the text is not UTF-8")
    }
}
