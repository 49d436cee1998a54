import Testing

@testable import Waymark

/// What the parser takes, and what it makes of it.
@Suite struct JSONParserTests {
    @Test(arguments: [
        ("null", JSONValue.null), (" true\n", .bool(true)), ("\t\r\nfalse", .bool(false)), ("{}", .object([:])),
        ("[ ]", .array([])), ("[[],{}]", .array([.array([]), .object([:])])), ("\"\"", .string("")),
        ("{ \"a\" : [ 1 , null ] , \"\" : {} }", .object(["a": .array([.number("1"), .null]), "": .object([:])])),
    ])
    func structure(text: String, expected: JSONValue) throws {
        #expect(try JSONValue(parsing: text) == expected)
        #expect(try JSONValue(parsing: Array(text.utf8)) == expected)
    }

    @Test(
        "Numbers keep their digits",
        arguments: [
            "0", "-0", "1", "-1", "10", "0.0", "0.10", "1e5", "1E+05", "1e-5", "-12.34e-56", "9007199254740993",
            "0.10000000000000001", "123456789012345678901234567890", "1e999999", "1e-999999",
        ]
    )
    func numbers(text: String) throws {
        #expect(try JSONValue(parsing: text) == .number(text))
    }

    @Test(arguments: [
        ("\\\"\\\\\\/\\b\\f\\n\\r\\t", "\"\\/\u{8}\u{C}\n\r\t"), ("\\u0041\\u00e9\\u20AC", "Aé€"),
        ("\\ud83d\\ude00", "😀"), ("\\uD800\\uDC00\\uDBFF\\uDFFF", "\u{10000}\u{10FFFF}"), ("é€😀", "é€😀"),
        ("\u{7F}\u{80}\u{2028}", "\u{7F}\u{80}\u{2028}"), ("\\uffff\\ufeff", "\u{FFFF}\u{FEFF}"),
        ("\\\\u0000", "\\u0000"),
    ])
    func strings(text: String, expected: String) throws {
        guard case .string(let value) = try JSONValue(parsing: "\"\(text)\"") else {
            Issue.record("not a string")
            return
        }
        #expect(Array(value.unicodeScalars) == Array(expected.unicodeScalars))
    }

    @Test(arguments: [("[", "]"), ("{\"a\":", "}")])
    func nestingEndsAtTheLimit(open: String, close: String) throws {
        func nested(_ depth: Int, around value: String) -> String {
            String(repeating: open, count: depth) + value + String(repeating: close, count: depth)
        }
        let limit = Limits.jsonDepth
        _ = try JSONValue(parsing: nested(limit, around: "1"))
        _ = try JSONValue(parsing: nested(limit - 1, around: "[]"))
        for inner in ["[]", "{}", "[1]"] {
            let error = #expect(throws: WaymarkError.self) { try JSONValue(parsing: nested(limit, around: inner)) }
            #expect(error?.message == "nested deeper than 64 levels")
            #expect(error?.field?.split(separator: ".").count == limit)
        }
        #expect(throws: WaymarkError.self) { try JSONValue(parsing: String(repeating: open, count: 1_000_000)) }
    }

    @Test func numbersHaveLimits() throws {
        let longest = String(repeating: "9", count: 1_000)
        #expect(try JSONValue(parsing: longest) == .number(longest))
        for text in [longest + "9", "0." + longest, "1e1000000", "1e-1000000", "1e0000001"] {
            let error = #expect(throws: WaymarkError.self) { try JSONValue(parsing: "[\(text)]") }
            #expect(error?.message == "a number out of range")
            #expect(error?.field == "0")
        }
    }

    @Test func siblingsDoNotRepeatEachOther() throws {
        _ = try JSONValue(parsing: #"[{"a":1,"b":{"a":2}},{"a":3,"A":4,"a ":5}]"#)
    }
}
