import Foundation
import Testing

@testable import Waymark

/// Our encoder held against Foundation's: the same values, in canonical text, so that no fingerprint ever moves.
@Suite struct CanonicalEncoderTests {
    /// What requests were encoded with before there was an encoder of our own.
    private static func foundation(_ value: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.dateEncodingStrategy = .custom { date, encoder in
            var container = encoder.singleValueContainer()
            // The middle of the millisecond, because the format cuts digits off.
            let milliseconds = (date.timeIntervalSinceReferenceDate * 1000).rounded()
            let middle = Date(timeIntervalSinceReferenceDate: (milliseconds + 0.5) / 1000)
            try container.encode(middle.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true)))
        }
        return String(decoding: try encoder.encode(value), as: UTF8.self)
    }

    /// The text that fingerprints are made of.
    private static func compared(_ value: some Encodable) throws -> String {
        let texts = try CanonicalEncoder.texts(of: value)
        return (texts.rounded ?? texts.stored).string
    }

    private static func expected(_ value: some Encodable) throws -> String {
        try JSONValue(parsing: foundation(value), depth: JSONCoding.storedDepth).canonical
    }

    @Test func randomValuesAreWhatFoundationMakesOfThem() throws {
        let seed = Seed()
        for index in 0..<5_000 {
            var random = RandomJSON(seed.generator(index))
            // In an array, because alone a value must encode something.
            let value = [random.encodable()]
            let (text, expected) = (try Self.compared(value), try Self.expected(value))
            let note: Comment = "value \(index) of seed \(seed.value): \(text), not \(expected)"
            try #require(Array(text.utf8) == Array(expected.utf8), note)
            let fingerprint = try Fingerprint(json: Self.foundation(value))
            try #require(Fingerprint(canonical: text) == fingerprint, note)
        }
    }

    private enum Size: String, Codable, CodingKeyRepresentable { case small, large }

    private class Base: Encodable {
        let base = 1
        let both = "base"
    }

    /// Shares its superclass's object.
    private final class Sharing: Base {
        enum Keys: String, CodingKey { case own, both }
        override func encode(to encoder: any Encoder) throws {
            try super.encode(to: encoder)
            var container = encoder.container(keyedBy: Keys.self)
            try container.encode([Size.small: 0.5], forKey: .own)
            try container.encode("own", forKey: .both)
        }
    }

    private struct Empty: Encodable {
        func encode(to encoder: any Encoder) {}
    }

    private static var awkward: [any Encodable] {
        [
            0.0, -0.0, 1e20, 1e21, 1e22, 123456789012345680000.0, 0.000001, 1e-7, Double.leastNonzeroMagnitude,
            Double.greatestFiniteMagnitude,
            100.0, Float(16777216), Float(1e10), Float.leastNonzeroMagnitude, Float16(0.1),
            UInt64.max, Int64.min, Decimal(string: "-0.10") ?? 0, Decimal.greatestFiniteMagnitude,
            Decimal.leastNonzeroMagnitude, Decimal(1) / 3, "", "\u{1F}\u{7F}\u{80}\u{2028}/\\\"\u{8}\u{C}\n\r\t",
            "e\u{301}\u{10FFFF}\u{FFFF}", ["\u{E000}": 1, "\u{10000}": 2, "\u{FFFF}": 3, "z": 4, "": 5], Data(),
            Data([251, 255]),
            Date.distantPast, Date.distantFuture, Date(timeIntervalSince1970: 0.0005), [Date()],
            ["a": Date(timeIntervalSince1970: 1)],
            UUID(), [UUID()], URL(string: "a b/ä?x=/")!,
            URL(string: "c", relativeTo: URL(string: "https://example.com/b"))!,
            [Int](), [String: Int](), [[Int?]](), [Int?.none], ["x": Int?.none], Int?.none, Int??.some(nil),
            UUID?.some(UUID()),
            [1: "a", 10: "b", 9: "c"], [UUID(): 1], [Size.large: 1], [true: 1], Set([1]), 3..<7, 3...7, Size.large,
            [Size.small, .large], Empty?.none, [Empty()], ["e": Empty()], Sharing(), [Sharing()],
            Duration.seconds(-1.5),
            DateComponents(year: 2024, month: 2), Locale(identifier: "de_DE"), TimeZone(identifier: "UTC"),
            DateInterval(start: Date(timeIntervalSince1970: 0), duration: 1), IndexSet([1, 2, 5]),
            URLComponents(string: "a:b"),
            Measurement(value: 2, unit: UnitLength.meters), CGPoint(x: 1, y: 0.5), SIMD2<Float>(1, 0.1), Never?.none,
            ContiguousArray([1.5]), RandomValue.wrapped(.nothing),
            [RandomValue.wrapped(.wrapped(.nothing))],
        ]
    }

    @Test(arguments: awkward.indices)
    func awkwardTypesAreWhatFoundationMakesOfThem(index: Int) throws {
        let value = Self.awkward[index]
        let (text, expected) = (try Self.compared(value), try Self.expected(value))
        #expect(Array(text.utf8) == Array(expected.utf8), "\(value): \(text), not \(expected)")
    }

    private static var unencodable: [any Encodable] {
        [
            Double.infinity, [1, Double.nan], ["a": ["b": [0, -Double.infinity]]], [Float.infinity], [Float16.nan],
            [["x": Double?.some(.nan)]], Empty(), RandomValue.members([("a", .plain(Double.nan))]),
        ]
    }

    @Test(arguments: unencodable.indices)
    func errorsNameTheirField(index: Int) throws {
        let value = Self.unencodable[index]
        func path(_ body: (any Encodable) throws -> String) -> [String] {
            let error = #expect(throws: EncodingError.self) { try body(value) }
            guard case .invalidValue(_, let context) = error else { return ["no error"] }
            return context.codingPath.map { $0.intValue.map(String.init) ?? $0.stringValue }
        }
        #expect(path { try JSONCoding.encode($0) } == path { try Self.foundation($0) })
    }

    @Test(arguments: [Double.nan, .infinity, -.infinity, 1e12, 1e300, -1e12])
    func aDateThatHasNoTextIsRefusedWithItsField(seconds: Double) throws {
        let date = ["at": [Date(timeIntervalSince1970: seconds * 10)]]
        let error = #expect(throws: EncodingError.self) { try JSONCoding.encode(date) }
        guard case .invalidValue(_, let context) = error else { return }
        #expect(context.codingPath.map(\.stringValue).first == "at")
        // The row keeps the error's description.
        #expect(error.map(String.init(describing:))?.contains("294276") == true)
    }

    @Test func noDecimalIsNoNumber() {
        #expect(throws: EncodingError.self) { try JSONCoding.encode([Decimal.nan]) }
    }

    /// Deeper values would be stored and never read again.
    @Test func depthHasItsLimit() throws {
        struct Node: Encodable {
            var children: [Node] = []
        }
        struct Endless: Encodable {
            func encode(to encoder: any Encoder) throws {
                var container = encoder.unkeyedContainer()
                try container.encode(self)
            }
        }
        func chain(_ count: Int) -> Node { (1..<count).reduce(Node()) { node, _ in Node(children: [node]) } }
        let deepest = try JSONCoding.encode(chain(JSONCoding.storedDepth / 2))
        _ = try JSONValue(parsing: deepest, depth: JSONCoding.storedDepth)
        for value in [chain(JSONCoding.storedDepth / 2 + 1), Endless()] as [any Encodable] {
            let error = #expect(throws: WaymarkError.self) { try JSONCoding.encode(value) }
            #expect(error?.code == .invalidJSON)
            #expect(error?.field?.isEmpty == false)
        }
        #expect(throws: WaymarkError.self) { try JSONCoding.encode([chain(JSONCoding.storedDepth / 2)]) }
    }
}
