import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1

/// A request that is the same, byte for byte, in every attempt.
struct Parcel: Sendable {
    let path: String
    let body: Data
    let type: String
    let key: String
    let headers: [String: String]

    /// The request as `base` is sent it.
    /// - Throws: `WaymarkClientError` (`invalidRequest`) when the base is not one of HTTP.
    func request(to base: URL) throws -> HTTPClientRequest {
        guard ["http", "https"].contains(base.scheme?.lowercased()), base.host()?.isEmpty == false else {
            throw WaymarkClientError(.invalidRequest, "'\(base.absoluteString)' is not an HTTP server's URL", key: key)
        }
        let left = base.absoluteString
        let stem = left.hasSuffix("/") ? String(left.dropLast()) : left
        var request = HTTPClientRequest(url: stem + (path.hasPrefix("/") ? path : "/" + path))
        request.method = .POST
        request.headers.add(name: "Content-Type", value: type)
        request.headers.add(name: "Idempotency-Key", value: quotedKey)
        for (name, value) in headers { request.headers.replaceOrAdd(name: name, value: value) }
        request.body = .bytes(ByteBuffer(bytes: body))
        return request
    }

    /// The key as a structured-field string, which the Idempotency-Key draft asks for.
    private var quotedKey: String {
        "\"\(key.replacing("\\", with: "\\\\").replacing("\"", with: "\\\""))\""
    }
}
