import HTTPTypes
import Hummingbird
import HummingbirdTesting
import PostgresPQ
import Testing
import Waymark
import WaymarkTesting

struct Signature: Codable, Sendable {
    let by: String
}

/// Waits for a signature.
struct SignParcel: Saga {
    static let name = "sign-parcel"

    var body: some Step<Parcel, Label> {
        WaitFor("signed", event: Signature.self, timeout: .hours(48)) { (_: Parcel, signature: Signature?) in
            Label(text: "signed by \(signature?.by ?? "nobody")")
        }
    }
}

/// Events over HTTP.
@Suite struct EventTests {
    private static let path = "/sagas/sign-parcel/events/signed"

    /// A door before which a request waits under the key k1.
    private static func withWaitingRequest(_ body: @escaping @Sendable (Door) async throws -> Void) async throws {
        try await Door.with { door in
            let waiting = try await door.post(to: "/sagas/sign-parcel")
            #expect(waiting.status == .accepted)
            try await body(door)
        }
    }

    /// To wait is no failure: not a problem document, and no Retry-After of days.
    @Test func a202WhileItWaits() async throws {
        try await Self.withWaitingRequest { door async throws in
            for (minutes, retryAfter) in [(0.0, ["1"]), (0.1, ["6", "7"]), (600, ["60"])] {
                try await door.database.client.execute(
                    "UPDATE waymark.keys SET progressed_at = now() - \(minutes) * interval '1 minute'")
                let waiting = try await door.post(to: "/sagas/sign-parcel")
                #expect(waiting.status == .accepted)
                #expect(!waiting.isReplay)
                #expect(waiting.headers[.contentType] == "application/json")
                #expect(waiting.text == #"{"recovery_point":"signed:waiting","status":"waiting"}"#)
                #expect(waiting.headers[.retryAfter].map(retryAfter.contains) == true, "as long again as it has waited")
            }
        }
    }

    private static func events(_ door: Door) async throws -> String {
        try await door.database.client.query("SELECT coalesce(string_agg(events::text, ''), '') FROM waymark.keys")
            .decode(String.self)[0]
    }

    @Test func a202ThenA200ForTheSameAgain() async throws {
        try await Self.withWaitingRequest { door in
            let first = try await door.post(to: Self.path, #"{"by": "jo"}"#)
            #expect(first.status == .accepted)
            #expect(first.text == #"{"delivery":"delivered"}"#)
            #expect(!first.isReplay)
            let second = try await door.post(
                to: "/sagas/sign-parcel/events/sign%65d", key: "\"k1\"", #"{ "by":"j\u006f" }"#)
            #expect(second.status == .ok)
            #expect(second.text == #"{"delivery":"repeated"}"#)
            #expect(second.isReplay)
            let due = try await door.database.client.query("SELECT run_at <= now() FROM waymark.keys").decode(Bool.self)
            #expect(due == [true])
        }
    }

    @Test func a409ForWhatComesTooLate() async throws {
        try await Self.withWaitingRequest { door in
            _ = try await door.post(to: Self.path, #"{"by": "jo"}"#)
            let other = try await door.post(to: Self.path, #"{"by": "bo"}"#)
            #expect(other.status == .conflict)
            #expect(try other.problem().type == "urn:waymark:problem:event-conflict")
            try await door.database.client.execute(
                "UPDATE waymark.keys SET events = '{}', direction = 'compensating'")
            let passed = try await door.post(to: Self.path, #"{"by": "jo"}"#)
            #expect(passed.status == .conflict)
            #expect(try passed.problem().type == "urn:waymark:problem:event-too-late")
            try await door.database.client.execute(
                """
                UPDATE waymark.keys SET done = true, response_status = 200, response_body = '{}', expires_at = now()
                """)
            let finished = try await door.post(to: Self.path, #"{"by": "jo"}"#)
            #expect(finished.status == .conflict)
            #expect(try finished.problem().detail == "The request has its answer.")
        }
    }

    struct Case: Sendable, CustomTestStringConvertible {
        let testDescription: String
        var path = EventTests.path
        var key: String? = "k1"
        var caller: String? = "me"
        var type = "application/json"
        var body = #"{"by": "jo"}"#
        let status: Int
        let field: String?
    }

    static let cases = [
        Case(testDescription: "no caller", caller: nil, status: 401, field: nil),
        Case(testDescription: "another caller's key", caller: "you", status: 404, field: "Idempotency-Key"),
        Case(testDescription: "no key", key: nil, status: 400, field: "Idempotency-Key"),
        Case(testDescription: "no such key", key: "k2", status: 404, field: "Idempotency-Key"),
        Case(testDescription: "another saga's key", key: "other", status: 422, field: "Idempotency-Key"),
        Case(
            testDescription: "no such event", path: "/sagas/sign-parcel/events/nope", status: 404, field: "event"),
        Case(testDescription: "no such saga", path: "/sagas/nope/events/signed", status: 404, field: "saga"),
        Case(
            testDescription: "a saga that is not opened", path: "/sagas/send-parcel/events/signed", status: 404,
            field: "saga"),
        Case(testDescription: "wrong type", body: #"{"by": 7}"#, status: 400, field: "by"),
        Case(testDescription: "missing member", body: "{}", status: 400, field: "by"),
        Case(testDescription: "NUL", body: #"{"by": "a\u0000"}"#, status: 400, field: "by"),
        Case(testDescription: "not JSON", body: "jo", status: 400, field: nil),
        Case(
            testDescription: "over its limit", body: #"{"by": ""# + String(repeating: "x", count: 300_000) + #""}"#,
            status: 413, field: nil),
        Case(
            testDescription: "2 MiB", body: #"{"by": ""# + String(repeating: "x", count: 2 << 20) + #""}"#, status: 413,
            field: "body"),
        Case(
            testDescription: "a form", type: "application/x-www-form-urlencoded", body: "by=jo", status: 415,
            field: "Content-Type"),
    ]

    @Test(arguments: cases) func isRefusedAndDeliversNothing(_ input: Case) async throws {
        try await Self.withWaitingRequest { door in
            _ = try await door.post(key: "other")
            let answer = try await door.post(
                to: input.path, key: input.key, caller: input.caller, type: input.type, input.body)
            #expect(answer.status.code == input.status)
            #expect(answer.headers[.contentType] == "application/problem+json")
            if input.field != nil { #expect(try answer.problem().field == input.field) }
            #expect(try await Self.events(door) == "{}{}")
        }
    }
}
