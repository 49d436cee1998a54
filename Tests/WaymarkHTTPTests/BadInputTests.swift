import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import NIOCore
import Testing
import Waymark

@testable import WaymarkHTTP

/// Bad input: a 4xx with a problem that names the field, and nothing written.
@Suite struct BadInputTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let testDescription: String
        var key: String? = "k1"
        var caller: String? = "me"
        var type: String? = "application/json"
        var body = Door.parcel
        let status: Int
        let field: String?
    }

    static let cases: [Case] = [
        Case(testDescription: "no key", key: nil, status: 400, field: "Idempotency-Key"),
        Case(testDescription: "empty key", key: "", status: 400, field: "Idempotency-Key"),
        Case(testDescription: "empty quoted key", key: "\"\"", status: 400, field: "Idempotency-Key"),
        Case(testDescription: "quoted key without end", key: "\"abc", status: 400, field: "Idempotency-Key"),
        Case(testDescription: "text after a quoted key", key: "\"abc\"x", status: 400, field: "Idempotency-Key"),
        Case(
            testDescription: "256 characters", key: String(repeating: "k", count: 256), status: 400,
            field: "Idempotency-Key"),
        Case(testDescription: "non-ASCII key", key: "schlüssel", status: 400, field: "Idempotency-Key"),
        Case(testDescription: "no caller", caller: nil, status: 401, field: nil),
        Case(
            testDescription: "NUL in JSON", body: #"{"weight": 1, "count": 1, "to": {"street": "a\u0000b"}}"#,
            status: 400, field: "to.street"),
        Case(
            testDescription: "repeated member", body: #"{"weight": 1, "count": 1, "weight": 2}"#, status: 400,
            field: "weight"),
        Case(
            testDescription: "repeated member in a member",
            body: #"{"weight": 1, "count": 1, "to": {"street": "a", "street": "b"}}"#, status: 400, field: "to.street"),
        Case(
            testDescription: "lone surrogate", body: #"{"weight": 1, "count": 1, "to": {"street": "\ud800"}}"#,
            status: 400, field: "to.street"),
        Case(testDescription: "wrong type", body: #"{"weight": "heavy", "count": 1}"#, status: 400, field: "weight"),
        Case(
            testDescription: "wrong type in a member", body: #"{"weight": 1, "count": 1, "to": {"street": 7}}"#,
            status: 400, field: "to.street"),
        Case(
            testDescription: "fraction for a whole number", body: #"{"weight": 1, "count": 1.5}"#, status: 400,
            field: "count"),
        Case(testDescription: "missing member", body: #"{"weight": 1}"#, status: 400, field: "count"),
        Case(testDescription: "null", body: #"{"weight": null, "count": 1}"#, status: 400, field: "weight"),
        Case(
            testDescription: "number out of range", body: #"{"weight": 1e999, "count": 1}"#, status: 400,
            field: "weight"),
        Case(testDescription: "not JSON", body: "weight=1", status: 400, field: nil),
        Case(testDescription: "two values", body: Door.parcel + Door.parcel, status: 400, field: nil),
        Case(testDescription: "empty body", body: "", status: 400, field: nil),
        Case(
            testDescription: "deep nesting", body: String(repeating: "[", count: 100_000), status: 400, field: nil),
        Case(
            testDescription: "2 MiB body", body: #"{"x": ""# + String(repeating: "x", count: 2 << 20) + #""}"#,
            status: 413, field: "body"),
        Case(
            testDescription: "request over its limit",
            body: #"{"weight": 1, "count": 1, "to": {"street": ""# + String(repeating: "x", count: 300_000) + #""}}"#,
            status: 413, field: nil),
        Case(testDescription: "XML", type: "application/xml", status: 415, field: "Content-Type"),
        Case(
            testDescription: "repeated form field", type: "application/x-www-form-urlencoded",
            body: "weight=1&count=1&count=2", status: 400, field: "count"),
        Case(
            testDescription: "NUL in a form", type: "application/x-www-form-urlencoded",
            body: "weight=1&count=1&note=a%00b",
            status: 400, field: "note"),
        Case(
            testDescription: "bad escape in a form", type: "application/x-www-form-urlencoded", body: "weight=%zz",
            status: 400, field: "weight"),
        Case(
            testDescription: "wrong type in a form", type: "application/x-www-form-urlencoded",
            body: "weight=heavy&count=1", status: 400, field: "weight"),
    ]

    @Test(arguments: cases) func isRefusedAndLeavesNothing(_ input: Case) async throws {
        try await Door.with { door in
            let answer = try await door.post(key: input.key, caller: input.caller, type: input.type, input.body)
            #expect(answer.status.code == input.status)
            #expect(answer.headers[.contentType] == "application/problem+json")
            let problem = try answer.problem()
            #expect(problem.status == input.status)
            if input.field != nil { #expect(problem.field == input.field) }
            #expect(try await door.storedKeys() == 0)
        }
    }

    @Test func aHeaderBlockOverTheLimitIsRefused() async throws {
        try await Door.with { door async throws in
            var headers = HTTPFields()
            for number in 0..<3 {
                guard let name = HTTPField.Name("X-Filler-\(number)") else { continue }
                headers[name] = String(repeating: "x", count: 7_000)
            }
            let answer = try? await door.client.execute(
                uri: "/parcels", method: .post, headers: headers, body: ByteBuffer(string: Door.parcel))
            #expect(answer.map { (400..<500).contains($0.status.code) } ?? true, "refused, or the connection closed")
            #expect(try await door.storedKeys() == 0)
        }
    }

    @Test func twoKeysAreRefused() async throws {
        try await Door.with { door async throws in
            var headers: HTTPFields = [.authorization: "me", .contentType: "application/json"]
            let name = try #require(HTTPField.Name("Idempotency-Key"))
            for key in ["k1", "k2"] { headers.append(HTTPField(name: name, value: key)) }
            let answer = try await door.client.execute(
                uri: "/parcels", method: .post, headers: headers, body: ByteBuffer(string: Door.parcel))
            #expect(answer.status == .badRequest)
            #expect(try answer.problem().field == "Idempotency-Key")
            #expect(try await door.storedKeys() == 0)
        }
    }

    @Test func aBodyThatDoesNotSayItsLengthIsBoundedToo() async throws {
        let head = HTTPRequest(method: .post, scheme: nil, authority: nil, path: "/parcels")
        let request = Request(head: head, body: RequestBody(buffer: ByteBuffer(string: Door.parcel)))
        let problem = try await #require(throws: Problem.self) { try await RequestPayload(request, limit: 10) }
        #expect(problem.kind.status == .contentTooLarge)
    }

    /// `count=15` cut off is `count=1`, and would be done.
    @Test func aBodyThatIsCutOffIsNotTakenForAWholeOne() async throws {
        var head = HTTPRequest(method: .post, scheme: nil, authority: nil, path: "/parcels")
        head.headerFields = [.contentType: "application/x-www-form-urlencoded", .contentLength: "17"]
        for (body, isWhole) in [("weight=1&count=15", true), ("weight=1&count=1", false)] {
            let request = Request(head: head, body: RequestBody(buffer: ByteBuffer(string: body)))
            guard !isWhole else {
                _ = try await RequestPayload(request, limit: 100)
                continue
            }
            let problem = try await #require(throws: Problem.self) { try await RequestPayload(request, limit: 100) }
            #expect(problem.kind.status == .badRequest && problem.field == "body")
        }
    }

    @Test func a255CharacterKeyIsFine() async throws {
        try await Door.with { door in
            let answer = try await door.post(key: String(repeating: "~", count: 255))
            #expect(answer.status == .created)
            #expect(try await door.storedKeys() == 1)
        }
    }
}
