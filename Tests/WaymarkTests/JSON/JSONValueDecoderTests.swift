import Foundation
import Testing

@testable import Waymark

/// What our encoder stored, our decoder must give back; what it refuses, it must name.
@Suite struct JSONValueDecoderTests {
    private enum Colour: String, Codable { case red, blue }

    private enum Shape: Codable, Equatable {
        case circle(radius: Double)
        case polygon([Int])
        case nothing
    }

    private struct Everything: Codable, Equatable {
        var bool = true
        var int = Int.min
        var byte = UInt8.max
        var wide = UInt64.max
        var double = 0.1
        var small = Double.leastNonzeroMagnitude
        var float: Float = 3.3
        var text = "é\u{301}\"\\/\n😀"
        var date = Date(timeIntervalSince1970: 1_700_000_000.123)
        var data = Data([0, 255, 62])
        var url = URL(string: "https://example.com/a?b=c#d")
        var decimal = Decimal(string: "12345678901234567890.0123456789")
        var id = UUID()
        var colour = Colour.blue
        var shapes: [Shape] = [.circle(radius: 1.5), .polygon([3, 4]), .nothing]
        var absent: Int?
        var holes: [Int?] = [1, nil, 3]
        var dates: [String: Date] = ["a b": Date(timeIntervalSince1970: 1)]
        var numbered = [1: "one", -2: "two"]
        var nested: [[String: [Int?]]] = [[:], ["x": []], ["y": [nil]]]
        var range = 3..<7
    }

    @Test func whatIsStoredComesBack() throws {
        let value = Everything()
        let text = try JSONCoding.encodeForStorage(value)
        let back = try JSONCoding.decode(Everything.self, from: text)
        #expect(try JSONCoding.encodeForStorage(back) == text)
        // A date keeps its milliseconds, and a double in seconds is not made of them.
        #expect(abs(back.date.timeIntervalSince(value.date)) < 0.000_1)
        var same = back
        same.date = value.date
        #expect(same == value)
    }

    @Test func inheritedMembersComeBack() throws {
        class Base: Codable {
            var base = 1
        }
        final class Derived: Base {
            var derived = 0
            enum Keys: String, CodingKey { case derived }
            override init() { super.init() }
            override func encode(to encoder: any Encoder) throws {
                var container = encoder.container(keyedBy: Keys.self)
                try container.encode(derived, forKey: .derived)
                try super.encode(to: container.superEncoder())
            }
            required init(from decoder: any Decoder) throws {
                let container = try decoder.container(keyedBy: Keys.self)
                derived = try container.decode(Int.self, forKey: .derived)
                try super.init(from: container.superDecoder())
            }
        }
        let value = Derived()
        (value.base, value.derived) = (7, 8)
        let back = try JSONCoding.decode(Derived.self, from: JSONCoding.encode(value))
        #expect(back.base == 7)
        #expect(back.derived == 8)
    }

    /// Deeper than a client may nest, because a step's output is the saga's own affair.
    @Test func whatIsStoredMayNestDeeply() throws {
        struct Node: Codable {
            var children: [Node]
        }
        let value = (0..<200).reduce(Node(children: [])) { node, _ in Node(children: [node]) }
        let text = try JSONCoding.encodeForStorage(value)
        #expect(try JSONCoding.encodeForStorage(JSONCoding.decode(Node.self, from: text)) == text)
    }

    @Test(arguments: [
        ("10", 10), ("10.0", 10), ("1e1", 10), ("-0", 0), ("-0.0e5", 0), ("-9223372036854775808", Int.min),
        ("9.223372036854775807e18", Int.max), ("0.00001e+7", 100),
    ])
    func wholeNumbersHoweverSpelled(text: String, expected: Int) throws {
        #expect(try JSONCoding.decode(Int.self, from: text) == expected)
    }

    @Test(arguments: [
        "9223372036854775808", "1e19", "1e999999", "-1e30", "0.5", "10.01", "1e-1", "\"10\"", "true", "null", "[]",
    ])
    func whatIsNoInteger(text: String) {
        #expect(throws: DecodingError.self) { try JSONCoding.decode(Int.self, from: text) }
    }

    @Test(arguments: ["1e400", "-1e400", "\"1\"", "\"NaN\"", "false"])
    func whatIsNoDouble(text: String) {
        #expect(throws: DecodingError.self) { try JSONCoding.decode(Double.self, from: text) }
    }

    @Test func bytesHaveTheirRange() throws {
        #expect(try JSONCoding.decode([UInt8].self, from: "[0,255]") == [0, 255])
        for text in ["[256]", "[-1]"] {
            #expect(throws: DecodingError.self) { try JSONCoding.decode([UInt8].self, from: text) }
        }
    }

    private struct Trip: Decodable {
        struct Place: Decodable { var lat: Double }
        var stops: [Place]
        var note: String?
    }

    @Test(arguments: [
        (#"{}"#, "stops"), (#"{"stops":null}"#, "stops"), (#"{"stops":{}}"#, "stops"),
        (#"{"stops":[{"lat":1},{}]}"#, "stops.1.lat"), (#"{"stops":[{"lat":1},{"lat":"2"}]}"#, "stops.1.lat"),
        (#"{"stops":[{"lat":1},7]}"#, "stops.1"), (#"{"stops":[],"note":3}"#, "note"),
    ])
    func errorsNameTheirField(text: String, expected: String) throws {
        let error = try #require(
            #expect(throws: DecodingError.self) { try JSONCoding.decode(Trip.self, from: text) })
        let path: [any CodingKey]
        switch error {
        case .keyNotFound(let key, let context): path = context.codingPath + [key]
        case .valueNotFound(_, let context), .typeMismatch(_, let context), .dataCorrupted(let context):
            path = context.codingPath
        @unknown default: path = []
        }
        #expect(path.map { $0.intValue.map(String.init) ?? $0.stringValue }.joined(separator: ".") == expected)
    }

    @Test func whatIsNotJSONIsNoValue() {
        let error = #expect(throws: WaymarkError.self) { try JSONCoding.decode(Trip.self, from: #"{"stops":[}"#) }
        #expect(error?.code == .invalidJSON)
    }

    /// In a form everything is a string.
    @Test func stringsStandForValuesInFormsAlone() throws {
        struct Form: Decodable, Equatable {
            var count: Int
            var ratio: Double
            var isGift: Bool
            var name: String
        }
        let strings = try JSONValue(parsing: #"{"count":"3","ratio":"0.5","isGift":"true","name":"7"}"#)
        #expect(
            try JSONCoding.decode(Form.self, from: strings, isForm: true)
                == Form(count: 3, ratio: 0.5, isGift: true, name: "7"))
        #expect(throws: DecodingError.self) { try JSONCoding.decode(Form.self, from: strings) }
        for bad in ["", "three", "3 apples", "0x3", "03"] {
            let value = JSONValue.object(["count": .string(bad)])
            #expect(throws: DecodingError.self) {
                try JSONCoding.decode([String: Int].self, from: value, isForm: true)
            }
        }
    }
}
