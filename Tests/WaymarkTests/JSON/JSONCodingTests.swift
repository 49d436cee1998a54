import Foundation
import Testing
import WaymarkTesting

@testable import Waymark

@Suite struct JSONCodingTests {
    private struct Sample: Codable, Equatable {
        var zebra = 1
        var apple: String?
        var url = "https://example.com/a"
        var when = Date(timeIntervalSince1970: 0)
    }

    @Test func membersAreSortedAndSlashesBare() throws {
        #expect(
            try JSONCoding.encode(Sample(apple: "é"))
                == #"{"apple":"é","url":"https://example.com/a","when":"1970-01-01T00:00:00.000Z","zebra":1}"#
        )
    }

    @Test func optionalsAndFragments() throws {
        #expect(try JSONCoding.encode(Int?.none) == "null")
        #expect(try JSONCoding.decode(Int?.self, from: "null") == nil)
        #expect(try JSONCoding.encode("text") == #""text""#)
        #expect(
            try JSONCoding.decode(
                Sample.self,
                from: #"{"zebra":1,"url":"https://example.com/a","when":"1970-01-01T00:00:00Z"}"#
            ) == Sample()
        )
    }

    @Test(arguments: [
        (1_700_000_000_123, "2023-11-14T22:13:20.123Z"), (1, "1970-01-01T00:00:00.001Z"),
        (-1, "1969-12-31T23:59:59.999Z"), (999, "1970-01-01T00:00:00.999Z"),
        (4_102_444_799_999, "2099-12-31T23:59:59.999Z"), (1_709_210_096_789, "2024-02-29T12:34:56.789Z"),
    ])
    func datesHaveMilliseconds(milliseconds: Int, expected: String) throws {
        let date = Date(timeIntervalSince1970: Double(milliseconds) / 1_000)
        #expect(try JSONCoding.encode(date) == "\"\(expected)\"")
    }

    /// A date that is stored, read back and stored again must not wander: every step of a saga does so.
    @Test func millisecondsSurviveEveryRoundTrip() throws {
        let seed = Seed()
        var random = seed.generator()
        for _ in 0..<2_000 {
            let milliseconds = Int.random(in: -2_000_000_000_000...4_102_444_799_999, using: &random)
            let date = Date(timeIntervalSince1970: Double(milliseconds) / 1_000)
            let text = try JSONCoding.encode(date)
            let back = try JSONCoding.decode(Date.self, from: text)
            let note: Comment = "\(milliseconds) as \(text), seed \(seed.value)"
            try #require(Int((back.timeIntervalSince1970 * 1_000).rounded()) == milliseconds, note)
            try #require(try JSONCoding.encode(back) == text, note)
        }
    }

    @Test func aDateKeepsTheMicrosecondsOfARow() throws {
        let seed = Seed()
        var random = seed.generator()
        for _ in 0..<2_000 {
            // As PostgresPQ reads a timestamptz between the years 1729 and 2273.
            let microseconds = Int.random(in: -8_580_000_000_000_000...8_580_000_000_000_000, using: &random)
            let date = Date(timeIntervalSinceReferenceDate: Double(microseconds) / 1e6)
            let value = try StepValue(encoding: ["at": date])
            let note: Comment = "\(microseconds) as \(value.json), seed \(seed.value)"
            try #require(try value.read() as? [String: Date] == ["at": date], note)
        }
        let text = try JSONCoding.encode(Date(timeIntervalSince1970: 1_700_000_000.123456))
        #expect(text == "\"2023-11-14T22:13:20.123456Z\"")
    }

    /// Fingerprints of requests from before dates had microseconds are of these texts.
    @Test func whatIsComparedHasMillisecondsAsEver() throws {
        let dates = [1_700_000_000.123456, 1_700_000_000.9996, 0.0004, -0.0004].map(Date.init(timeIntervalSince1970:))
        let value = try StepValue(encoding: dates)
        #expect(
            value.compared
                == #"["2023-11-14T22:13:20.123Z","2023-11-14T22:13:21.000Z","1970-01-01T00:00:00.000Z","1970-01-01T00:00:00.000Z"]"#
        )
        #expect(
            value.json
                == #"["2023-11-14T22:13:20.123456Z","2023-11-14T22:13:20.999600Z","1970-01-01T00:00:00.000400Z","1969-12-31T23:59:59.999600Z"]"#
        )
    }

    @Test(arguments: [
        "0001-01-01T00:00:00.000Z", "1500-02-28T00:00:00.000Z", "10000-01-01T00:00:00.000Z",
        "294276-12-31T23:59:59.500Z",
    ])
    func datesOutsideOfTheGregorianCenturiesRoundTrip(text: String) throws {
        let date = try JSONCoding.decode(Date.self, from: "\"\(text)\"")
        #expect(try JSONCoding.encode(date) == "\"\(text)\"")
    }

    @Test(arguments: ["\"yesterday\"", "0", "\"2024-13-01T00:00:00Z\"", "null"])
    func whatIsNoDate(json: String) {
        #expect(throws: DecodingError.self) { try JSONCoding.decode(Date.self, from: json) }
    }

    @Test(arguments: ["\0", "a\0b", "\\\0", "\"\0"])
    func whatPostgreSQLCannotStoreIsRefused(text: String) {
        for error in [
            #expect(throws: WaymarkError.self) { try JSONCoding.encodeForStorage(["t": text]) },
            #expect(throws: WaymarkError.self) { try JSONCoding.encodeForStorage([text: 1]) },
            #expect(throws: WaymarkError.self) { try StepValue(encoding: text) },
        ] {
            #expect(error?.code == .invalidJSON)
            #expect(error?.message == "a NUL character (\\u0000) cannot be stored")
        }
    }

    @Test(arguments: ["", "\\", "\\u0000", "\\\\u0000", "u0000", "\u{1}", "\"u0000", "\\\"u0000", "plain"])
    func whatOnlyLooksLikeItIsNot(text: String) throws {
        #expect(try JSONCoding.decode(String.self, from: JSONCoding.encodeForStorage(text)) == text)
    }

    /// What we store, our own strict parser takes.
    @Test func whatIsEncodedIsStrict() throws {
        let seed = Seed()
        for index in 0..<1_000 {
            var json = RandomJSON(seed.generator(index))
            let text = json.string()
            let value = try JSONValue(parsing: JSONCoding.encodeForStorage([text]))
            try #require(value == .array([.string(text)]), "string \(index) of seed \(seed.value)")
        }
    }
}
