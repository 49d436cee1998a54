import AsyncHTTPClient
import Configuration
import Foundation
import NIOCore
import NIOHTTP1
import Waymark

/// A foreign system over HTTP and JSON, with a bearer token.
struct HTTPService: Sendable {
    /// Bytes of an answer; those of these services are a few hundred.
    private static let answerLimit = 64 * 1024

    let name: String
    /// Scheme, host and port, such as `https://api.example.com`.
    let base: String
    let token: String

    /// Reads `<NAME>_API_BASE` and `<NAME>_API_KEY`.
    init(_ name: String, _ settings: ConfigReader) {
        self.name = name
        base = settings.string(forKey: ConfigKey("\(name).api.base"), default: "http://127.0.0.1:4242")
        token = settings.string(forKey: ConfigKey("\(name).api.key"), isSecret: true, default: "none")
    }

    /// Sends a request and decodes the answer.
    /// - Parameters:
    ///   - path: with a leading slash, and a query if any.
    ///   - idempotencyKey: the same for every repeat of this request.
    /// - Throws: `Rejection` for 402 and 422, with the service's code as its type; `TransientError` for every other
    ///   status but 2xx: an overload passes, and what looks like our own mistake is for a person to see, in front of whom
    ///   the key is parked at last. Whatever there is when no answer came: then nobody knows whether it was carried out.
    func send<Answer: Decodable>(
        _ method: HTTPMethod, _ path: String, body: (any Encodable)? = nil, idempotencyKey: String? = nil
    ) async throws -> Answer {
        var request = HTTPClientRequest(url: base + path)
        request.method = method
        request.headers.add(name: "Authorization", value: "Bearer \(token)")
        if let idempotencyKey { request.headers.add(name: "Idempotency-Key", value: idempotencyKey) }
        if let body {
            request.headers.add(name: "Content-Type", value: "application/json")
            request.body = .bytes(ByteBuffer(bytes: try JSONEncoder().encode(body)))
        }
        // The step's own timeout cancels the task; this one only bounds a call made without one.
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(60))
        let answer = try await Data(response.body.collect(upTo: Self.answerLimit).readableBytesView)
        switch response.status.code {
        case 200..<300: return try JSONDecoder().decode(Answer.self, from: answer)
        case 402, 422:
            let error = try? JSONDecoder().decode(ErrorAnswer.self, from: answer).error
            throw Rejection(
                status: Int(response.status.code), type: error?.code ?? "refused", title: "The \(name) refused.",
                detail: error?.message)
        default:
            throw TransientError(
                "the \(name) answered \(response.status.code)", nothingHappened: response.status == .tooManyRequests)
        }
    }

    private struct ErrorAnswer: Decodable {
        struct Details: Decodable {
            let code: String?
            let message: String?
        }
        let error: Details
    }
}
