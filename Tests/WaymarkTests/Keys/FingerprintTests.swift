import Foundation
import Testing

@testable import Waymark

@Suite struct FingerprintTests {
    /// Stored with every key: computed with another SHA-256.
    @Test(arguments: [
        (
            #"{ "b": [true, null, "\u20AC"], "a": 1.0 }"#,
            "07f4a48bd10cda1fb677c0f929f54858b10248204eae7ab57172bd94dee154d3"
        ),
        ("{}", "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"),
        ("null", "74234e98afe7498fb5daf1f36ac2d78acc339464f950703b8c019892f982b90b"),
    ])
    func itIsSHA256OfTheCanonicalForm(json: String, expected: String) throws {
        let fingerprint = try Fingerprint(json: json)
        #expect(fingerprint.bytes.map { String(format: "%02x", $0) }.joined() == expected)
        #expect(fingerprint.matches(fingerprint.bytes))
        #expect(Fingerprint.version == 1)
    }

    @Test(arguments: [
        (#"{"a":1,"b":2}"#, #"{ "b" : 2, "a" : 1 }"#), ("[1.0]", "[1]"), ("[100]", "[1e2]"), (#""\u0041""#, #""A""#),
        ("[-0]", "[0]"), (#"{"a":{"y":1,"x":"\/"}}"#, #"{"a":{"x":"/","y":1}}"#),
    ])
    func spellingsDoNotMatter(one: String, other: String) throws {
        #expect(try Fingerprint(json: one) == Fingerprint(json: other))
    }

    @Test(arguments: [
        (#"{"a":1}"#, #"{"a":2}"#), (#"{"a":1}"#, #"{"A":1}"#), (#"{"a":1}"#, #"{"a":"1"}"#), ("[1,2]", "[2,1]"),
        (#"{"a":null}"#, "{}"), ("[0.1]", "[0.10000000000000001]"), ("9007199254740992", "9007199254740993"),
        ("[]", "{}"), ("null", "false"), ("[[1],2]", "[1,[2]]"), (#"["ab"]"#, #"["a","b"]"#),
        (#"["a,b"]"#, #"["a","b"]"#),
    ])
    func meaningsDo(one: String, other: String) throws {
        #expect(try Fingerprint(json: one) != Fingerprint(json: other))
    }

    @Test func whatIsNotStrictHasNone() {
        #expect(throws: WaymarkError.self) { try Fingerprint(json: #"{"a":1,"a":1}"#) }
    }
}
