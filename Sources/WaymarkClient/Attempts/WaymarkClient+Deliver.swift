import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1

extension WaymarkClient {
    /// What came of one attempt.
    private enum Outcome {
        case answered(Answer, retryAfter: Duration?)
        case unanswered(String)

        var result: Attempt.Result {
            switch self {
            case .answered(let answer, _): .answered(status: answer.status, replayed: answer.replayed)
            case .unanswered(let text): .unanswered(text)
            }
        }
    }

    /// Sends until there is a final answer or the deadline has passed.
    func deliver(_ parcel: Parcel) async throws -> Answer {
        let deadline = ContinuousClock.now + retry.deadline
        var generator = SystemRandomNumberGenerator()
        var tried: Set<URL> = []
        var (attempts, pauses) = (0, 0)
        var last: (status: Int?, text: String) = (nil, "nothing was sent")
        while true {
            try Task.checkCancellation()
            if let base = servers.next(except: tried), .now < deadline {
                tried.insert(base)
                attempts += 1
                var retryAfter: Duration?
                switch try await send(parcel, to: base, number: attempts, deadline: deadline) {
                case .unanswered(let text):
                    servers.rest(base, for: retry.rest)
                    last.text = text
                    // The next server is asked at once.
                    if servers.next(except: tried) != nil { continue }
                case .answered(let answer, let wish):
                    guard case .again(let wait) = Verdict(answer, retryAfter: wish) else { return answer }
                    retryAfter = wait
                    last = (answer.status, "status \(answer.status)")
                }
                let pause = retry.pause(after: pauses, retryAfter: retryAfter, using: &generator)
                pauses += 1
                guard .now + pause < deadline else { throw late(parcel, attempts, last) }
                tried = []
                try await Task.sleep(for: pause)
            } else {
                guard attempts > 0 else {
                    throw WaymarkClientError(.invalidRequest, "there is no server to send to", key: parcel.key)
                }
                throw late(parcel, attempts, last)
            }
        }
    }

    private func late(_ parcel: Parcel, _ attempts: Int, _ last: (status: Int?, text: String)) -> WaymarkClientError {
        WaymarkClientError(
            .deadlineExceeded, "no final answer within \(retry.deadline); the last attempt: \(last.text)",
            key: parcel.key, attempts: attempts, lastStatus: last.status)
    }

    /// One attempt.
    /// - Throws: what no repeat can mend, and `CancellationError`.
    private func send(
        _ parcel: Parcel, to base: URL, number: Int, deadline: ContinuousClock.Instant
    ) async throws -> Outcome {
        let request = try parcel.request(to: base)
        let started = ContinuousClock.now
        let outcome: Outcome
        do {
            let timeout = min(retry.attemptTimeout, deadline - started)
            outcome = try await withTimeout(timeout) {
                let response = try await http.execute(request, deadline: .distantFuture)
                let body = try await response.body.collect(upTo: retry.answerLimit)
                let answer = Answer(
                    status: Int(response.status.code), body: Data(body.readableBytesView),
                    contentType: response.headers.first(name: "Content-Type"),
                    replayed: response.headers.first(name: "Idempotent-Replayed") == "true", key: parcel.key,
                    attempts: number)
                return .answered(
                    answer, retryAfter: response.headers.first(name: "Retry-After").flatMap { RetryAfter.duration($0) })
            }
        } catch {
            try Task.checkCancellation()
            outcome = .unanswered(try Self.transientText(of: error, parcel, number))
        }
        observe(
            Attempt(
                key: parcel.key, number: number, base: base, result: outcome.result, duration: .now - started))
        return outcome
    }

    /// What a failure is called that may pass.
    /// - Throws: `WaymarkClientError` for one that does not.
    private static func transientText(of error: any Error, _ parcel: Parcel, _ attempts: Int) throws -> String {
        switch error {
        case is AttemptTimeout: return "timed out"
        case is NIOTooManyBytesError:
            throw WaymarkClientError(.answerTooLarge, "the answer is too large", key: parcel.key, attempts: attempts)
        case let error as HTTPClientError where Self.isMistake(error):
            throw WaymarkClientError(.invalidRequest, error.description, key: parcel.key, attempts: attempts - 1)
        default: return "\(error)"
        }
    }

    /// Whether the request itself cannot be sent. The cases with values are known by their names.
    private static func isMistake(_ error: HTTPClientError) -> Bool {
        if [.invalidURL, .emptyHost, .emptyScheme, .alreadyShutdown, .missingSocketPath].contains(error) {
            return true
        }
        return ["unsupportedScheme", "invalidHeaderField"].contains { error.description.contains($0) }
    }
}
