import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import Waymark

/// Sends notices through a mail service over HTTP.
struct PayoutNotices: Sendable {
    let base: String

    /// Has a notice sent. A repeat with the same id is dropped by the service.
    func send(_ notice: SendPayoutNotice, id: UUID) async throws {
        var request = HTTPClientRequest(url: "\(base)/v1/messages")
        request.method = .POST
        request.headers.add(name: "Idempotency-Key", value: id.uuidString.lowercased())
        request.headers.add(name: "Content-Type", value: "application/json")
        let message = [
            "to": notice.to, "subject": "Your withdrawal \(notice.withdrawalID)",
            "body": "\(notice.amount) \(notice.currency) (in its smallest unit) are on their way to you.",
        ]
        request.body = .bytes(ByteBuffer(bytes: try JSONEncoder().encode(message)))
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(20))
        guard (200..<300).contains(response.status.code) else {
            throw TransientError("the mail service answered \(response.status.code)")
        }
    }
}
