import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import Waymark

/// A foreign system over HTTP and JSON.
struct HTTPService: Sendable {
    /// Bytes of an answer; those of the patterns are a few dozen.
    private static let answerLimit = 64 * 1024

    /// Scheme, host and port, such as `https://api.example.com`.
    let base: String

    struct Answer: Sendable {
        let status: Int
        let body: Data

        /// - Throws: `TransientError` unless the status is 2xx: an overload passes, and what looks like our own mistake is
        ///   for a person to see, in front of whom the key is parked at last.
        func check() throws {
            guard (200..<300).contains(status) else { throw TransientError("the service answered \(status)") }
        }
    }

    /// Sends a request and reads the whole answer, of whatever status.
    /// - Parameter body: sent as JSON.
    /// - Throws: when there is no answer: then nobody knows whether the request was carried out.
    func send(
        _ method: HTTPMethod, _ path: String, headers: HTTPHeaders = [:], body: (any Encodable)? = nil
    ) async throws -> Answer {
        var request = HTTPClientRequest(url: "\(base)/\(path)")
        request.method = method
        request.headers = headers
        if let body {
            request.headers.add(name: "Content-Type", value: "application/json")
            request.body = .bytes(ByteBuffer(bytes: try JSONEncoder().encode(body)))
        }
        // The step's own timeout cancels the task; this one only bounds a call made without one.
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(60))
        let answer = try await response.body.collect(upTo: Self.answerLimit)
        return Answer(status: Int(response.status.code), body: Data(answer.readableBytesView))
    }
}
