import Foundation
import Testing
import WaymarkTesting

@testable import Waymark

@Suite struct DerivedKeyTests {
    enum Channel: String, IdempotencyKeyPart { case mail, none = "" }

    struct Line {
        var number: Int? = 3
    }

    struct Order {
        var orderID = "A-17"
        var line: Line? = Line()
        var id: UUID? = UUID(uuidString: "0F0E0D0C-0B0A-4908-8706-050403020100")
        var channel = Channel.mail
        var revision: UInt8 = 0
    }

    @Test func oneValueIsTheKey() throws {
        let order = Order()
        let keys = [
            try IdempotencyKey(deriving: order, \.orderID), try IdempotencyKey(deriving: order, \.line?.number),
            try IdempotencyKey(deriving: order, \.channel), try IdempotencyKey(deriving: order, \.id),
        ]
        #expect(keys.map(\.description) == ["A-17", "3", "mail", "0F0E0D0C-0B0A-4908-8706-050403020100"])
    }

    @Test func severalAreJoined() throws {
        let key = try IdempotencyKey(deriving: Order(orderID: #"A,\17"#), \.orderID, \.line?.number, \.revision)
        #expect(key.description == #"A\,\\17,3,0"#)
    }

    /// Stored with every key: computed with another SHA-256.
    @Test func whatIsNoKeyIsHashed() throws {
        let hash = "sha256:ccec7a8e3e039f0b6b308a81f438e1d07a59c8c896b4f237d10c3eecb8375ef7"
        #expect(try IdempotencyKey(joining: ["schlüssel"]).description == hash)
        let longest = String(repeating: "k", count: 255)
        #expect(try IdempotencyKey(joining: [longest]).description == longest)
        #expect(try IdempotencyKey(joining: [longest + "k"]).description.count == 71)
        #expect(try IdempotencyKey(joining: [hash]).description != hash, "no value is taken for another one's hash")
    }

    @Test func anEmptyFieldIsNamed() throws {
        let order = Order(orderID: "", line: nil, channel: .none)
        let errors = [
            #expect(throws: WaymarkError.self) { () throws in _ = try IdempotencyKey(deriving: order, \.orderID) },
            #expect(throws: WaymarkError.self) { () throws in
                _ = try IdempotencyKey(deriving: order, \.revision, \.line?.number)
            },
            #expect(throws: WaymarkError.self) { () throws in _ = try IdempotencyKey(deriving: order, \.channel) },
        ]
        #expect(errors.map { $0?.field } == ["orderID", "line.number", "channel"])
        #expect(errors.allSatisfy { $0?.code == .invalidKey })
    }

    @Test func differentValuesGiveDifferentKeys() throws {
        var random = Seed().generator()
        let pieces = [",", "\\", "a", "b", "ä", "\0", "sha256:", String(repeating: "c", count: 120)]
        var lists: [String: [String]] = [:]
        for _ in 0..<20_000 {
            let list = (0..<Int.random(in: 1...3, using: &random)).map { _ in
                (0..<Int.random(in: 1...3, using: &random))
                    .map { _ in pieces[Int.random(in: 0..<pieces.count, using: &random)] }.joined()
            }
            let key = try IdempotencyKey(joining: list).description
            let known = lists.updateValue(list, forKey: key)
            try #require(known == nil || known == list, "\(list) and \(known ?? [])")
        }
        #expect(lists.count > 1_000)
    }
}
