import Foundation
import Synchronization
import Testing
import WaymarkClient
import WaymarkTesting

@Suite struct LimitTests {
    @Test func theDeadlineEndsIt() async throws {
        try await withServer { _, _ in
            .answer(503)
        } _: { server, url in
            var rules = RetryTests.quick
            rules.deadline = .milliseconds(100)
            // On a busy machine even the first answer may come after a short deadline.
            try await eventually("an answer comes before the deadline") {
                rules.deadline *= 2
                let key = "mine \(rules.deadline)"
                let error = await #expect(throws: WaymarkClientError.self) {
                    try await WaymarkClient(base: url, retry: rules).post("/", json: 1, key: key)
                }
                #expect(error?.code == .deadlineExceeded)
                #expect(error?.key == key)
                #expect([nil, 503].contains(error?.lastStatus))
                // The deadline may pass while the last attempt is on its way.
                let count = server.received.count { $0.key == "\"\(key)\"" }
                #expect((count...count + 1).contains(error?.attempts ?? 0))
                return error?.lastStatus == 503
            }
        }
    }

    /// Waiting longer than the deadline would help nobody.
    @Test func aWishBeyondTheDeadlineEndsItAtOnce() async throws {
        try await withServer { _, _ in
            .answer(429, ["Retry-After": "3600"])
        } _: { server, url in
            let error = await #expect(throws: WaymarkClientError.self) {
                try await WaymarkClient(base: url).post("/", json: 1)
            }
            #expect(error?.code == .deadlineExceeded)
            #expect(error?.lastStatus == 429)
            #expect(server.received.count == 1)
        }
    }

    @Test func aSilentServerTimesOut() async throws {
        try await withServer { number, _ in
            number == 1 ? .silence : .answer(200)
        } _: { server, url in
            var rules = RetryTests.quick
            // Long enough for the second attempt, on a busy machine too.
            rules.attemptTimeout = .seconds(2)
            let results = Mutex<[Attempt.Result]>([])
            let client = WaymarkClient(base: url, retry: rules) { attempt in
                results.withLock { $0.append(attempt.result) }
            }
            let answer = try await client.post("/", json: 1)
            #expect(answer.attempts == 2)
            #expect(
                results.withLock { $0 } == [.unanswered("timed out"), .answered(status: 200, replayed: false)])
            #expect(server.received.count == 2)
        }
    }

    @Test func aCancelledTaskStops() async throws {
        try await withServer { _, _ in
            .silence
        } _: { server, url in
            let task = Task { try await WaymarkClient(base: url).post("/", json: 1) }
            try await eventually("the request is under way") { !server.received.isEmpty }
            task.cancel()
            await #expect(throws: CancellationError.self) { try await task.value }
        }
    }

    @Test(arguments: ["", "ü", "a\nb", String(repeating: "k", count: 256)])
    func aMalformedKeyIsNotSent(key: String) async throws {
        try await withServer { _, _ in
            .answer(200)
        } _: { server, url in
            let error = await #expect(throws: WaymarkClientError.self) {
                try await WaymarkClient(base: url).post("/", json: 1, key: key)
            }
            #expect(error?.code == .invalidKey)
            #expect(server.received.isEmpty)
        }
    }

    @Test func aKeyWithQuotesIsSentAsAStructuredFieldString() async throws {
        try await withServer { _, _ in
            .answer(200)
        } _: { server, url in
            _ = try await WaymarkClient(base: url).post("/", json: 1, key: #"a"b\c"#)
            #expect(server.received.map(\.key) == [#""a\"b\\c""#])
        }
    }

    @Test(arguments: ["ftp://example.com", "file:///tmp", "nothing"])
    func aBaseThatIsNotHTTPIsRefused(base: String) async throws {
        let url = try #require(URL(string: base))
        let error = await #expect(throws: WaymarkClientError.self) {
            try await WaymarkClient(base: url).post("/", json: 1)
        }
        #expect(error?.code == .invalidRequest)
    }

    @Test func aHugeAnswerIsRefused() async throws {
        try await withServer { _, _ in
            .answer(200, [:], String(repeating: "x", count: 2000))
        } _: { server, url in
            var rules = RetryTests.quick
            rules.answerLimit = 1000
            let error = await #expect(throws: WaymarkClientError.self) {
                try await WaymarkClient(base: url, retry: rules).post("/", json: 1)
            }
            #expect(error?.code == .answerTooLarge)
            #expect(server.received.count == 1)
        }
    }
}
