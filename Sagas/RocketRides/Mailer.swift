import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import Waymark
import WaymarkEngine

/// A mail service over HTTP.
struct Mailer: Sendable {
    let base: String

    /// Has a receipt sent. A repeat with the same id is dropped by the service.
    func send(_ receipt: SendReceipt, id: UUID) async throws {
        var request = HTTPClientRequest(url: "\(base)/v1/messages")
        request.method = .POST
        request.headers.add(name: "Idempotency-Key", value: id.uuidString.lowercased())
        request.headers.add(name: "Content-Type", value: "application/json")
        let message = Message(
            to: receipt.to, subject: "Your ride \(receipt.rideID)",
            body: "You were charged \(receipt.amount) \(receipt.currency) (in its smallest unit).")
        request.body = .bytes(ByteBuffer(bytes: try JSONEncoder().encode(message)))
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(20))
        guard (200..<300).contains(response.status.code) else {
            throw TransientError("the mail service answered \(response.status.code)")
        }
    }

    private struct Message: Encodable {
        let to: String
        let subject: String
        let body: String
    }
}
