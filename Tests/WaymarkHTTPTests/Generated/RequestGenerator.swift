import Foundation
import HTTPTypes
import WaymarkTesting

/// Makes requests, good and bad, from a seed: the same from the same.
struct RequestGenerator {
    var random: SeededGenerator
    /// Unique among the requests of a run: part of the key.
    let number: Int

    /// Keys that many requests use, each with its own body.
    static let sharedKeys = 40
    /// Requests that wait for an event.
    static let waitingKeys = 40

    init(_ random: SeededGenerator, number: Int) {
        self.random = random
        self.number = number
    }

    /// In percent: what is let in costs several round trips to the database, so it is the smaller part.
    mutating func next() -> GeneratedRequest {
        switch Int.random(in: 0..<100, using: &random) {
        case 0: return good()
        case 1..<6: return mutilated()
        case 6..<8: return ofASharedKey()
        case 8..<14: return event()
        case 14..<22: return wild()
        case 22..<48: return flawed(pick(KeyFlaw.allCases))
        case 48..<56: return flawed(pick(FormFlaw.allCases))
        default: return flawed(pick(BodyFlaw.allCases))
        }
    }

    /// A request that must be accepted.
    mutating func good() -> GeneratedRequest {
        let goods = goods()
        let key = "\(number)-\(pick(Self.metacharacters))".prefix(255)
        var request = GeneratedRequest(keys: [String(key)], key: String(key), body: [], kind: "good")
        request.setBody(goods.json(&random))
        request.expectation = .answer(goods.receipt)
        if Bool.random(using: &random) { request.keys = [Self.quoted(request.key)] }
        request.type = pick([
            "application/json", "application/json; charset=utf-8", "Application/JSON ;x=y", "application/json;", nil,
        ])
        request.caller = pick(["me", "o'neill", "a\"b", "x; DROP SCHEMA waymark CASCADE", "ü"])
        request.others = [("Prefer", pick(Self.preferences)), ("X-Filler", pick(Self.metacharacters))]
        return request
    }

    /// A good one of which a few bytes were changed, taken out, put in, cut off or repeated.
    private mutating func mutilated() -> GeneratedRequest {
        var request = good()
        request.kind = "mutilated"
        request.expectation = .either
        for _ in 0..<Int.random(in: 1...3, using: &random) where !request.body.isEmpty {
            let place = Int.random(in: request.body.indices, using: &random)
            switch Int.random(in: 0..<5, using: &random) {
            case 0: request.body[place] = .random(in: 0...255, using: &random)
            case 1: request.body.remove(at: place)
            case 2: request.body.insert(.random(in: 0...255, using: &random), at: place)
            case 3: request.body.removeSubrange(place...)
            default: request.body += request.body[place...]
            }
        }
        return request
    }

    /// One whose key others have too, with another body.
    private mutating func ofASharedKey() -> GeneratedRequest {
        var request = good()
        request.kind = "shared key"
        request.expectation = .either
        request.caller = "sharer"
        request.key = "shared-\(Int.random(in: 0..<Self.sharedKeys, using: &random))"
        request.keys = [request.key]
        return request
    }

    /// Methods, paths and headers by chance, over a good body.
    private mutating func wild() -> GeneratedRequest {
        var request = good()
        request.kind = "wild"
        request.expectation = .either
        request.method = pick([.post, .get, .put, .delete, .patch, .head, .options, .connect, .trace])
        request.path = pick([
            "/goods", "/goods/", "//goods", "/GOODS", "/goods?x=\u{1}&y=%00", "/goods/../goods", "/%67oods", "/", "",
            "*", "/sagas", "/sagas/", "/sagas/%00", "/sagas/declare-goods", "/sagas/declare-goods%00",
            "/sagas/\(text(8))", "/sagas/a/b", "/sagas/await-seal/events/", "/health", "/health/x",
            "http://example.org/goods", "/" + String(repeating: "a/", count: 200), "/goods#x", "/sagas/'; DROP",
        ])
        return request
    }

    mutating func pick<Value>(_ values: [Value]) -> Value {
        values[Int.random(in: values.indices, using: &random)]
    }

    /// Up to so many characters, of every kind but NUL.
    mutating func text(_ length: Int) -> String {
        let ranges: [ClosedRange<UInt32>] = [
            0x20...0x7E, 0x01...0x1F, 0x7F...0x2FF, 0x4E00...0x4FFF, 0x1_F600...0x1_F64F,
        ]
        var scalars = String.UnicodeScalarView()
        for _ in 0..<Int.random(in: 0...length, using: &random) {
            let range = pick(ranges)
            if let scalar = Unicode.Scalar(UInt32.random(in: range, using: &random)) { scalars.append(scalar) }
        }
        return String(scalars)
    }

    /// As a structured field's string (RFC 9651, 3.3.3).
    static func quoted(_ key: String) -> String {
        "\"\(key.replacing("\\", with: "\\\\").replacing("\"", with: "\\\""))\""
    }

    /// What would do harm where a text is taken for a part of a statement, a pattern, a format or a document. Printable.
    static let metacharacters = [
        "'; DROP TABLE waymark.keys; --", "' OR '1'='1", "\\'; SELECT pg_sleep(9); --", "$1", "$$", "%s%n%%", "_%",
        "\\", "\"", "`", "{}", "\\u0000", "NULL", "E'\\x00'", "/* */", "; ROLLBACK;", "${x}", "../..", "<b>&amp;",
        "a b",
    ]

    private static let preferences = [
        "wait=10", "wait=-1", "wait=99999999999999999999", "respond-async", "respond-async, wait=x", "", ";;;",
        "return=minimal",
    ]
}
