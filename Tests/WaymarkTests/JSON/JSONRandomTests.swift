import Foundation
import Testing
import WaymarkTesting

@testable import Waymark

/// Random documents, held against Foundation's decoder; random rubbish, which must be refused and nothing worse.
@Suite struct JSONRandomTests {
    /// Foundation's view of a document.
    private indirect enum Reference: Decodable, Equatable {
        case null
        case bool(Bool)
        case number(Double)
        case string([Unicode.Scalar])
        case array([Reference])
        case object([String: Reference])

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if container.decodeNil() {
                self = .null
            } else if let value = try? container.decode(Bool.self) {
                self = .bool(value)
            } else if let value = try? container.decode(Double.self) {
                self = .number(value)
            } else if let value = try? container.decode(String.self) {
                self = .string(Array(value.unicodeScalars))
            } else if let value = try? container.decode([Reference].self) {
                self = .array(value)
            } else {
                self = .object(try container.decode([String: Reference].self))
            }
        }

        init(_ value: JSONValue) {
            switch value {
            case .null: self = .null
            case .bool(let value): self = .bool(value)
            case .number(let digits): self = .number(Double(digits) ?? .nan)
            case .string(let value): self = .string(Array(value.unicodeScalars))
            case .array(let elements): self = .array(elements.map(Reference.init))
            case .object(let members): self = .object(members.mapValues(Reference.init))
            }
        }
    }

    @Test func documentsSurviveTheRoundTrip() throws {
        let seed = Seed()
        for index in 0..<3_000 {
            var json = RandomJSON(seed.generator(index))
            let value = json.value()
            let text = json.text(of: value)
            let note: Comment = "document \(index) of seed \(seed.value): \(text)"
            let parsed = try JSONValue(parsing: text)
            try #require(parsed == value, note)
            let foundation = try JSONDecoder().decode(Reference.self, from: Data(text.utf8))
            try #require(Reference(parsed) == foundation, note)
            let canonical = parsed.canonical
            try #require(try Array(JSONValue(parsing: canonical).canonical.utf8) == Array(canonical.utf8), note)
            try #require(Array(value.canonical.utf8) == Array(canonical.utf8), note)
            let again = try JSONDecoder().decode(Reference.self, from: Data(canonical.utf8))
            try #require(again == foundation, note)
        }
    }

    /// Two numbers have one canonical text exactly when they are the same decimal.
    @Test func numbersAreEqualIffTheirDecimalsAre() throws {
        let seed = Seed()
        var random = seed.generator()
        /// The value as digits without trailing zeros and a power of ten.
        struct Decimal: Hashable {
            var digits: Int
            var exponent: Int

            init(_ digits: Int, _ exponent: Int) {
                (self.digits, self.exponent) = (digits, digits == 0 ? 0 : exponent)
                while self.digits != 0, self.digits.isMultiple(of: 10) {
                    self.digits /= 10
                    self.exponent += 1
                }
            }
        }
        var texts: [Decimal: String] = [:]
        for _ in 0..<20_000 {
            let digits = Int.random(in: -2_000...2_000, using: &random)
            let exponent = Int.random(in: -30...30, using: &random)
            // The same value with zeros behind it, and with its point moved.
            let zeros = digits == 0 ? 0 : Int.random(in: 0...3, using: &random)
            var spelling = "\(abs(digits))" + String(repeating: "0", count: zeros)
            let shift = Int.random(in: 0..<spelling.count, using: &random)
            if shift > 0 { spelling.insert(".", at: spelling.index(spelling.endIndex, offsetBy: -shift)) }
            let text = (digits < 0 ? "-" : "") + spelling + "e\(exponent - zeros + shift)"
            let canonical = try JSONValue(parsing: text).canonical
            let known = texts.updateValue(canonical, forKey: Decimal(digits, exponent))
            try #require(known == nil || known == canonical, "\(text) of seed \(seed.value)")
        }
        #expect(Set(texts.values).count == texts.count, "seed \(seed.value)")
    }

    @Test func rubbishIsRefusedAndNothingWorse() {
        let seed = Seed()
        var random = seed.generator()
        let likely = Array("{}[]\":,\\u0123456789abcdefnrtl-+.eE \n\u{E9}".utf8)
        var accepted = 0
        for _ in 0..<60_000 {
            let isLikely = Bool.random(using: &random)
            let bytes = (0..<Int.random(in: 0...24, using: &random)).map { _ in
                isLikely ? likely.randomElement(using: &random) ?? 0 : UInt8.random(in: 0...255, using: &random)
            }
            if parses(bytes) { accepted += 1 }
        }
        print("of 60000 random byte strings \(accepted) are JSON")
        #expect(accepted > 0)
    }

    @Test func mutilatedDocumentsAreRefusedOrMeanSomething() {
        let seed = Seed()
        var accepted = 0
        let count = 40_000
        for index in 0..<count {
            var json = RandomJSON(seed.generator(index))
            let value = json.value()
            var bytes = Array(json.text(of: value).utf8)
            for _ in 0..<Int.random(in: 1...3, using: &json.random) where !bytes.isEmpty {
                let place = Int.random(in: bytes.indices, using: &json.random)
                switch Int.random(in: 0..<5, using: &json.random) {
                case 0: bytes[place] = .random(in: 0...255, using: &json.random)
                case 1: bytes.remove(at: place)
                case 2: bytes.insert(.random(in: 0...255, using: &json.random), at: place)
                case 3: bytes.removeSubrange(place...)
                default: bytes += bytes[place...]
                }
            }
            if parses(bytes) { accepted += 1 }
        }
        print("of \(count) mutilated documents \(accepted) are JSON")
        #expect(accepted > 0 && accepted < count)
    }

    /// Foundation refuses numbers that are no doubles; we keep them.
    private static func fitsDoubles(_ value: JSONValue) -> Bool {
        switch value {
        case .null, .bool, .string: true
        case .number(let digits): Double(digits)?.isNormal == true || digits == "0"
        case .array(let elements): elements.allSatisfy(fitsDoubles)
        case .object(let members): members.values.allSatisfy(fitsDoubles)
        }
    }

    /// Whether `bytes` parse; if they do, Foundation must think so too, and the canonical form must be stable.
    private func parses(_ bytes: [UInt8]) -> Bool {
        do {
            let value = try JSONValue(parsing: bytes)
            let canonical = value.canonical
            #expect(try Array(JSONValue(parsing: canonical).canonical.utf8) == Array(canonical.utf8), "\(bytes)")
            if Self.fitsDoubles(value) {
                #expect(throws: Never.self, "\(bytes)") { try JSONDecoder().decode(Reference.self, from: Data(bytes)) }
            }
            return true
        } catch let error as WaymarkError {
            #expect(error.code == .invalidJSON)
        } catch {
            Issue.record("\(error) for \(bytes)")
        }
        return false
    }
}
