import Foundation
import HTTPTypes
import Hummingbird
import Waymark

/// An error answer: a problem document (RFC 9457) with a stable type, and the field it is about.
struct Problem: Error, Sendable {
    /// What kind of problem, with its status and title.
    struct Kind: Sendable {
        let status: HTTPResponse.Status
        let word: String
        let title: String

        static let malformed = Kind(status: .badRequest, word: "malformed-request", title: "Malformed request")
        static let invalidKey = Kind(
            status: .badRequest, word: "invalid-idempotency-key", title: "Missing or malformed idempotency key")
        static let unauthorized = Kind(status: .unauthorized, word: "unauthorized", title: "Unauthorized")
        static let notFound = Kind(status: .notFound, word: "not-found", title: "Not found")
        static let inProgress = Kind(status: .conflict, word: "in-progress", title: "Request in progress")
        static let eventConflict = Kind(
            status: .conflict, word: "event-conflict", title: "Event delivered with another payload")
        static let eventTooLate = Kind(status: .conflict, word: "event-too-late", title: "Event no longer waited for")
        static let tooLarge = Kind(status: .contentTooLarge, word: "too-large", title: "Request too large")
        static let unsupportedType = Kind(
            status: .unsupportedMediaType, word: "unsupported-media-type", title: "Unsupported media type")
        static let keyReused = Kind(
            status: .unprocessableContent, word: "idempotency-key-reused",
            title: "Idempotency key used for another request")
        static let parked = Kind(status: .internalServerError, word: "parked", title: "Request needs attention")
        static let childParked = Kind(
            status: .badGateway, word: "child-parked", title: "Request waits for another that needs attention")
        static let failed = Kind(status: .internalServerError, word: "internal-error", title: "Internal error")
        static let unfinished = Kind(status: .serviceUnavailable, word: "unfinished", title: "Request not finished yet")
        static let unavailable = Kind(
            status: .serviceUnavailable, word: "unavailable", title: "Service temporarily unavailable")

        /// An HTTP error of the router, such as 405.
        static func http(_ status: HTTPResponse.Status) -> Kind {
            Kind(status: status, word: "http-\(status.code)", title: status.reasonPhrase)
        }
    }

    let kind: Kind
    let detail: String
    let field: String?
    let retryAfter: Duration?
    /// The id of the key that it is about, where that is not the request's own.
    let child: UUID?

    init(_ kind: Kind, _ detail: String, field: String? = nil, retryAfter: Duration? = nil, child: UUID? = nil) {
        self.kind = kind
        self.detail = detail
        self.field = field
        self.child = child
        self.retryAfter = retryAfter
    }

    private struct Document: Encodable {
        let type: String
        let title: String
        let status: Int
        let detail: String
        let field: String?
        let child: String?
    }

    var response: Response {
        let document = Document(
            type: "urn:waymark:problem:\(kind.word)", title: kind.title, status: kind.status.code, detail: detail,
            field: field, child: child?.uuidString.lowercased())
        // Strings and an integer always encode.
        var response = Response.problem(kind.status, (try? JSONCoding.encode(document)) ?? "{}")
        if kind.status == .unauthorized { response.headers[.wwwAuthenticate] = "Bearer" }
        if let retryAfter { response.setRetryAfter(retryAfter) }
        return response
    }
}
