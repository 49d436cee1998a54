import Foundation
import Testing

@testable import Waymark

/// The canonical form, held against RFC 8785's published examples.
@Suite struct JSONCanonicalTests {
    private func canonical(_ text: String) throws -> String {
        try JSONValue(parsing: text).canonical
    }

    /// Section 3.2.2. Its first number is 333333333.3333333 there, because RFC 8785 rounds to a double; we do not.
    @Test func theExampleOfSection322() throws {
        let text = #"""
            {
              "numbers": [333333333.33333329, 1E30, 4.50,
                          2e-3, 0.000000000000000000000000001],
              "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
              "literals": [null, true, false]
            }
            """#
        let expected =
            #"{"literals":[null,true,false],"numbers":[333333333.33333329,1e+30,4.5,0.002,1e-27],"#
            + #""string":"€$\u000f\nA'B\"\\\\\"/"}"#
        #expect(try Array(canonical(text).utf8) == Array(expected.utf8))
    }

    /// Section 3.2.3: names are sorted by UTF-16 code units, so an emoji stands before a letter of a lower plane.
    @Test func theExampleOfSection323() throws {
        let text = #"""
            {
              "\u20ac": "Euro Sign",
              "\r": "Carriage Return",
              "\ufb33": "Hebrew Letter Dalet With Dagesh",
              "1": "One",
              "\ud83d\ude00": "Emoji: Grinning Face",
              "\u0080": "Control",
              "\u00f6": "Latin Small Letter O With Diaeresis"
            }
            """#
        let expected =
            "{\"\\r\":\"Carriage Return\",\"1\":\"One\",\"\u{80}\":\"Control\","
            + "\"\u{F6}\":\"Latin Small Letter O With Diaeresis\",\"\u{20AC}\":\"Euro Sign\","
            + "\"\u{1F600}\":\"Emoji: Grinning Face\",\"\u{FB33}\":\"Hebrew Letter Dalet With Dagesh\"}"
        #expect(try Array(canonical(text).utf8) == Array(expected.utf8))
    }

    /// Appendix B: doubles by their bits. Swift prints the shortest digits that tell a double, as ECMAScript does.
    @Test(
        arguments: [
            (0x0000_0000_0000_0000, "0"), (0x8000_0000_0000_0000, "0"), (0x0000_0000_0000_0001, "5e-324"),
            (0x8000_0000_0000_0001, "-5e-324"), (0x7FEF_FFFF_FFFF_FFFF, "1.7976931348623157e+308"),
            (0xFFEF_FFFF_FFFF_FFFF, "-1.7976931348623157e+308"), (0x4340_0000_0000_0000, "9007199254740992"),
            (0xC340_0000_0000_0000, "-9007199254740992"), (0x4430_0000_0000_0000, "295147905179352830000"),
            (0x44B5_2D02_C7E1_4AF5, "9.999999999999997e+22"), (0x44B5_2D02_C7E1_4AF6, "1e+23"),
            (0x44B5_2D02_C7E1_4AF7, "1.0000000000000001e+23"), (0x444B_1AE4_D6E2_EF4E, "999999999999999700000"),
            (0x444B_1AE4_D6E2_EF4F, "999999999999999900000"), (0x444B_1AE4_D6E2_EF50, "1e+21"),
            (0x3EB0_C6F7_A0B5_ED8C, "9.999999999999997e-7"), (0x3EB0_C6F7_A0B5_ED8D, "0.000001"),
            (0x41B3_DE43_5555_5553, "333333333.3333332"), (0x41B3_DE43_5555_5554, "333333333.33333325"),
            (0x41B3_DE43_5555_5555, "333333333.3333333"), (0x41B3_DE43_5555_5556, "333333333.3333334"),
            (0x41B3_DE43_5555_5557, "333333333.33333343"), (0xBECB_F647_612F_3696, "-0.0000033333333333333333"),
            (0x4314_3FF3_C1CB_0959, "1424953923781206.2"),
        ] as [(UInt64, String)]
    )
    func theNumbersOfAppendixB(bits: UInt64, expected: String) throws {
        #expect(try canonical("\(Double(bitPattern: bits))") == expected)
        #expect(try canonical(expected) == expected)
    }

    /// The same doubles by all their digits, as another language may print them. RFC 8785 reads each into a double and prints
    /// that, so what is sent here would become the sample above; we keep what was sent. The four that need no more digits
    /// than a double's shortest text have but one form.
    @Test(
        arguments: [
            ("295147905179352825856", "295147905179352830000", "295147905179352825856"),
            ("99999999999999974834176", "9.999999999999997e+22", "9.9999999999999974834176e+22"),
            ("99999999999999991611392", "1e+23", "9.9999999999999991611392e+22"),
            ("100000000000000008388608", "1.0000000000000001e+23", "1.00000000000000008388608e+23"),
            ("999999999999999737856", "999999999999999700000", "999999999999999737856"),
            ("999999999999999868928", "999999999999999900000", "999999999999999868928"),
            ("333333333.333333194255828857421875", "333333333.3333332", "333333333.333333194255828857421875"),
            ("333333333.333333313465118408203125", "333333333.3333333", "333333333.333333313465118408203125"),
            ("333333333.333333432674407958984375", "333333333.33333343", "333333333.333333432674407958984375"),
            ("1424953923781206.25", "1424953923781206.2", "1424953923781206.25"),
            ("9007199254740992", "9007199254740992", "9007199254740992"),
            ("-9007199254740992", "-9007199254740992", "-9007199254740992"),
            ("1000000000000000000000", "1e+21", "1e+21"), ("-0", "0", "0"),
        ]
    )
    func whatADoubleWouldRoundIsKept(sent: String, rounded: String, expected: String) throws {
        #expect(try canonical("\(#require(Double(sent)))") == rounded, "what RFC 8785 makes of it")
        #expect(try canonical(sent) == expected)
        let isOne = expected == rounded
        #expect(try (Fingerprint(json: sent) == Fingerprint(json: rounded)) == isOne)
    }

    /// Appendix B's last samples have no text in JSON at all.
    @Test(arguments: ["NaN", "Infinity", "-Infinity"])
    func whatIsNoNumberIsRefused(text: String) {
        #expect(throws: WaymarkError.self) { try canonical(text) }
    }

    @Test(arguments: [
        ("1", ["1.0", "1.000", "10e-1", "0.1e1", "1e0", "1E+0", "1e-0", "0.001e+3", "1000e-3"]),
        ("0", ["-0", "0.0", "0e5", "-0.00e-7", "0e999999"]),
        ("-1.5", ["-1.50", "-15e-1", "-0.15E1"]),
        ("100", ["1e2", "100.0", "0.0001e6"]),
        ("0.10000000000000001", ["10000000000000001e-17", "0.100000000000000010"]),
        ("100000000000000000000", ["1e20", "1.0e+20"]),
        ("1e+21", ["1000000000000000000000", "1000.000e18"]),
        ("0.000001", ["1e-6", "0.0000010"]),
        ("1e-7", ["0.0000001", "10e-8"]),
        ("1.2e+1000000", ["12e999999"]),
    ])
    func oneTextForAllSpellingsOfANumber(expected: String, spellings: [String]) throws {
        for text in [expected] where !text.hasSuffix("1000000") { #expect(try canonical(text) == expected) }
        for text in spellings { #expect(try canonical(text) == expected, "of \(text)") }
    }

    @Test func differentNumbersDiffer() throws {
        let texts = [
            "0", "1", "-1", "10", "0.1", "0.10000000000000001", "9007199254740992", "9007199254740993", "1e20", "1e21",
            "1e22", "1e-6", "1e-7", "1.1", "11", "101", "1.01", "-10", "1e999999", "1e-999999",
        ]
        #expect(Set(try texts.map(canonical)).count == texts.count)
    }

    /// RFC 8785 leaves the characters of a string as they are: no normalization.
    @Test func unicodeIsNotNormalized() throws {
        let (composed, decomposed) = (try canonical(#""\u00e9""#), try canonical(#""e\u0301""#))
        #expect(Array(composed.utf8) != Array(decomposed.utf8))
    }

    @Test func shortestEscapes() throws {
        #expect(
            try canonical(#""\u0008\u0009\u000A\u000C\u000D\u001F\u007F\u0022\u005C\u002F\u2028""#)
                == "\"\\b\\t\\n\\f\\r\\u001f\u{7F}\\\"\\\\/\u{2028}\""
        )
    }
}
