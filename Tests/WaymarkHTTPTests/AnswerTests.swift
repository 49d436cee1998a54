import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import PostgresPQ
import Testing
import WaymarkEngine
import WaymarkTesting

/// What a client is told, by status, headers and body.
@Suite struct AnswerTests {
    @Test func answersAndReplaysTheVeryBytes() async throws {
        try await Door.with { door in
            let first = try await door.post()
            #expect(first.status == .created)
            #expect(first.text == #"{"text":"é/1.5"}"#)
            #expect(first.headers[.contentType] == "application/json")
            #expect(!first.isReplay)
            let second = try await door.post()
            #expect(second.status == .created)
            #expect(second.text == first.text)
            #expect(second.isReplay)
            // Other spelling, same request.
            let spelled = try await door.post(key: "\"k1\"", #"{ "count": 1.0, "weight": 15e-1 }"#)
            #expect(spelled.text == first.text)
            #expect(spelled.isReplay)
        }
    }

    @Test func takesAForm() async throws {
        try await Door.with { door in
            let first = try await door.post(type: "application/x-www-form-urlencoded", "weight=1.5&count=1")
            #expect(first.status == .created)
            let asJSON = try await door.post()
            #expect(asJSON.isReplay, "a form and JSON of the same fields are the same request")
        }
    }

    @Test func runsASagaByItsName() async throws {
        try await Door.with { door in
            let answer = try await door.post(to: "/sagas/send-parcel")
            #expect(answer.status == .ok)
            let unknown = try await door.post(to: "/sagas/nope", key: "k2")
            #expect(unknown.status == .notFound)
            #expect(try unknown.problem().field == "saga")
        }
    }

    @Test func aParentWhoseChildIsParkedWas202ForEver() async throws {
        try await Door.with { door in
            let body = #"{"weight": 1, "count": 503}"#
            let first = try await door.post(to: "/sagas/forward-parcel", body)
            #expect(first.status == .accepted)
            while try await Completionist(door.orchestrator).runOnce().claimed > 0 {}
            let answer = try await door.post(to: "/sagas/forward-parcel", body)
            #expect(answer.status == .badGateway)
            #expect(answer.headers[.retryAfter] != nil)
            let problem = try answer.problem()
            #expect(problem.type == "urn:waymark:problem:child-parked")
            let ids = try await door.database.client.query(
                "SELECT id::text FROM waymark.keys WHERE saga = 'send-parcel'")
            #expect(try [problem.child] == ids.decode(String.self))
            #expect(problem.detail?.contains("attempts_exhausted") == true)
        }
    }

    @Test func answersARejectionAsAProblem() async throws {
        try await Door.with { door in
            let body = #"{"weight": 1, "count": 402}"#
            let first = try await door.post(body)
            #expect(first.status.code == 402)
            #expect(first.headers[.contentType] == "application/problem+json")
            #expect(try first.problem().type == "no_stamps")
            let second = try await door.post(body)
            #expect(second.text == first.text)
            #expect(second.isReplay)
        }
    }

    @Test func a422ForAKeyThatBelongsToAnotherRequest() async throws {
        try await Door.with { door in
            _ = try await door.post()
            let other = try await door.post(#"{"weight": 2, "count": 1}"#)
            #expect(other.status == .unprocessableContent)
            #expect(try other.problem().field == "Idempotency-Key")
            let ofAnotherCaller = try await door.post(caller: "you", #"{"weight": 2, "count": 1}"#)
            #expect(ofAnotherCaller.status == .created)
        }
    }

    @Test func a500ForAParkedKeyAndWhy() async throws {
        try await Door.with { door in
            let parked = try await door.post(#"{"weight": 1, "count": 503}"#)
            #expect(parked.status == .internalServerError)
            #expect(try parked.problem().type == "urn:waymark:problem:parked")
            #expect(try parked.problem().detail?.contains("attempts_exhausted") == true)
        }
    }

    @Test func a409WithRetryAfterWhileTheFirstIsAtWork() async throws {
        try await Door.with { door in
            _ = try await door.post()
            try await door.database.client.execute(
                """
                UPDATE waymark.keys SET done = false, recovery_point = 'started',
                    lease_until = now() + interval '1 hour'
                """)
            let busy = try await door.post()
            #expect(busy.status == .conflict)
            #expect(busy.headers[.retryAfter] == "1")
            #expect(try busy.problem().type == "urn:waymark:problem:in-progress")
        }
    }

    @Test func a503WithRetryAfterForWorkThatGoesOn() async throws {
        try await Door.with { door in
            _ = try await door.post()
            try await door.database.client.execute(
                """
                UPDATE waymark.keys SET done = false, recovery_point = 'started', lease_until = now(),
                    run_at = now() + interval '90 seconds'
                """)
            let waiting = try await door.post()
            #expect(waiting.status == .serviceUnavailable)
            #expect(["89", "90"].contains(waiting.headers[.retryAfter]))
            #expect(try waiting.problem().type == "urn:waymark:problem:unfinished")
        }
    }

    @Test func saysWhetherItIsHealthy() async throws {
        try await Door.with { door in
            let answer = try await door.client.execute(uri: "/health", method: .get)
            #expect(answer.status == .ok)
            #expect(answer.text == #"{"status":"ok"}"#)
            let unknown = try await door.client.execute(uri: "/nothing", method: .get)
            #expect(unknown.status == .notFound)
            #expect(unknown.headers[.contentType] == "application/problem+json")
        }
    }
}
