import Hummingbird
import HummingbirdTesting
import PostgresPQ
import Testing
import WaymarkTesting

/// A route whose idempotency key follows from the request.
@Suite struct DerivedKeyTests {
    private static let letter = #"{"weight": 1, "count": 1, "to": {"street": "Elm, 5"}}"#

    @Test func takesTheKeyFromTheRequest() async throws {
        try await Door.with { door in
            let first = try await door.post(to: "/letters", key: nil, Self.letter)
            #expect(first.status == .created)
            #expect(!first.isReplay)
            let second = try await door.post(to: "/letters", key: nil, Self.letter)
            #expect(second.text == first.text)
            #expect(second.isReplay)
            let keys = try await door.database.client.query("SELECT key FROM waymark.keys").decode(String.self)
            #expect(keys == [#"Elm\, 5,1"#])
        }
    }

    @Test func anotherRequestOfTheSameKeyIsAMismatch() async throws {
        try await Door.with { door in
            _ = try await door.post(to: "/letters", key: nil, Self.letter)
            let other = try await door.post(
                to: "/letters", key: nil, #"{"weight": 2, "count": 1, "to": {"street": "Elm, 5"}}"#)
            #expect(other.status == .unprocessableContent)
        }
    }

    @Test func aHeaderMustSayTheSame() async throws {
        try await Door.with { door in
            let other = try await door.post(to: "/letters", key: "k1", Self.letter)
            #expect(other.status == .badRequest)
            #expect(try other.problem().field == "Idempotency-Key")
            #expect(try await door.storedKeys() == 0)
            let bare = try await door.post(to: "/letters", key: #"Elm\, 5,1"#, Self.letter)
            #expect(bare.status == .created)
            let quoted = try await door.post(to: "/letters", key: #""Elm\\, 5,1""#, Self.letter)
            #expect(quoted.isReplay)
        }
    }

    @Test(arguments: [
        #"{"weight": 1, "count": 1}"#, #"{"weight": 1, "count": 1, "to": null}"#,
        #"{"weight": 1, "count": 1, "to": {"street": ""}}"#,
    ])
    func anEmptyFieldIsNamed(body: String) async throws {
        try await Door.with { door in
            let answer = try await door.post(to: "/letters", key: nil, body)
            #expect(answer.status == .badRequest)
            #expect(try answer.problem().field == "to.street")
            #expect(try await door.storedKeys() == 0)
        }
    }
}
