package import Configuration
import NIOHTTP1

/// A mail service's API: a repeat with the same key is dropped.
package struct Mail: Sendable {
    private let http: HTTPService

    /// Reads `MAIL_API_BASE`.
    package init(settings: ConfigReader) {
        http = HTTPService("mail", settings)
    }

    /// Has a mail sent.
    /// - Returns: the mail service's id of it.
    package func send(to: String, subject: String, text: String, idempotencyKey: String) async throws -> String {
        let body = ["to": to, "subject": subject, "body": text]
        let queued: Queued = try await http.send(.POST, "/v1/messages", body: body, idempotencyKey: idempotencyKey)
        return queued.id
    }

    private struct Queued: Decodable {
        let id: String
    }
}
