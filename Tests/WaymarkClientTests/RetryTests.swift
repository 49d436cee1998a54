import Foundation
import Synchronization
import Testing
import WaymarkClient

@Suite struct RetryTests {
    struct Ride: Codable, Equatable {
        let from: String
        let to: String
    }

    static var quick: RetryRules {
        var rules = RetryRules()
        rules.base = .milliseconds(2)
        rules.cap = .milliseconds(10)
        rules.deadline = .seconds(20)
        return rules
    }

    @Test(arguments: [408, 409, 429, 500, 502, 503, 504])
    func whatMayPassIsRepeatedWithTheSameKeyAndBytes(status: Int) async throws {
        try await withServer { number, _ in
            number < 4 ? .answer(status) : .answer(201, [:], #"{"id":7}"#)
        } _: {
            server, url in
            let client = WaymarkClient(base: url, retry: Self.quick)
            let answer = try await client.post(
                "/rides", json: Ride(from: "here", to: "there"), headers: ["Authorization": "a"])
            #expect(answer.status == 201)
            #expect(answer.attempts == 4)
            #expect(String(decoding: answer.body, as: UTF8.self) == #"{"id":7}"#)
            let received = server.received
            #expect(received.count == 4)
            #expect(Set(received.map(\.key)) == ["\"\(answer.key)\""])
            #expect(Set(received.map(\.body)) == [#"{"from":"here","to":"there"}"#])
            #expect(received.allSatisfy { $0.uri == "/rides" && $0.authorization == "a" })
        }
    }

    @Test(arguments: [TestServer.Reaction.drop, .cut])
    func aLostConnectionIsRepeated(reaction: TestServer.Reaction) async throws {
        try await withServer { number, _ in
            number < 4 ? reaction : .answer(200)
        } _: { server, url in
            let answer = try await WaymarkClient(base: url, retry: Self.quick).post("rides", form: ["a b": "ü&="])
            #expect(answer.isSuccess)
            #expect(Set(server.received.map(\.key)).count == 1)
            #expect(server.received.map(\.body) == Array(repeating: "a%20b=%C3%BC%26%3D", count: 4))
        }
    }

    @Test(arguments: [200, 201, 302, 400, 401, 402, 404, 413, 422, 501])
    func anAnswerIsNotRepeated(status: Int) async throws {
        try await withServer { _, _ in
            .answer(status, ["Location": "/elsewhere"])
        } _: { server, url in
            let answer = try await WaymarkClient(base: url, retry: Self.quick).post("/", json: 1, key: "k")
            #expect(answer.status == status)
            #expect(server.received.count == 1)
        }
    }

    @Test func aParkedRequestIsNotRepeated() async throws {
        let problem = #"{"type":"urn:waymark:problem:parked","title":"t","status":500,"detail":"d"}"#
        try await withServer { _, _ in
            .answer(500, ["Content-Type": "application/problem+json"], problem)
        } _: {
            server, url in
            let answer = try await WaymarkClient(base: url, retry: Self.quick).post("/", json: 1)
            #expect(answer.isParked)
            #expect(answer.problem?.detail == "d")
            #expect(server.received.count == 1)
        }
    }

    /// A saga may be rejected with 409 or 503: the replay tells that this is the answer.
    @Test func aReplayIsFinalWhateverItsStatus() async throws {
        try await withServer { number, _ in
            number == 1 ? .answer(409) : .answer(409, ["Idempotent-Replayed": "true"], "{}")
        } _: { server, url in
            let answer = try await WaymarkClient(base: url, retry: Self.quick).post("/", json: 1)
            #expect(answer.status == 409)
            #expect(answer.replayed)
            #expect(server.received.count == 2)
        }
    }

    /// Accepted, and waiting for something: there is no answer yet. Without Retry-After a 202 is the answer of a route.
    @Test func a202WithRetryAfterIsRepeated() async throws {
        try await withServer { number, _ in
            number == 1 ? .answer(202, ["Retry-After": "0"]) : .answer(202, [:], "{}")
        } _: { server, url in
            let answer = try await WaymarkClient(base: url, retry: Self.quick).post("/", json: 1)
            #expect(answer.status == 202)
            #expect(answer.attempts == 2)
            #expect(server.received.count == 2)
        }
    }

    @Test func theServersWishToWaitIsHonoured() async throws {
        try await withServer { number, _ in
            number == 1 ? .answer(503, ["Retry-After": "1"]) : .answer(200)
        } _: { _, url in
            let started = ContinuousClock.now
            _ = try await WaymarkClient(base: url, retry: Self.quick).post("/", json: 1)
            #expect(.now - started >= .seconds(1))
        }
    }

    @Test func aDeadServerIsSkipped() async throws {
        let dead = TestServer { _, _ in .drop }
        let deadURL = try await dead.start()
        try await dead.stop()
        let refused = Mutex(0)
        try await withServer { _, _ in
            .answer(200)
        } _: { server, url in
            var rules = Self.quick
            // A pause would show.
            rules.base = .seconds(20)
            rules.cap = .seconds(20)
            rules.rest = .seconds(60)
            let client = WaymarkClient(base: deadURL, url, retry: rules) { attempt in
                if attempt.base == deadURL { refused.withLock { $0 += 1 } }
            }
            for number in 1...20 {
                let answer = try await client.post("/", json: number)
                #expect(answer.isSuccess)
            }
            #expect(server.received.count == 20)
        }
        // Asked once, then left alone.
        #expect(refused.withLock { $0 } == 1)
    }

    @Test func aServerThatComesBackIsAskedAgain() async throws {
        let dead = TestServer { _, _ in .drop }
        let deadURL = try await dead.start()
        try await dead.stop()
        try await withServer { _, _ in
            .answer(200)
        } _: { _, url in
            let bases = Mutex([deadURL])
            let client = WaymarkClient(
                bases: { bases.withLock { $0 } }, retry: Self.quick,
                observe: { attempt in if attempt.number == 3 { bases.withLock { $0 = [url] } } })
            let answer = try await client.post("/", json: 1)
            #expect(answer.attempts == 4)
        }
    }
}
