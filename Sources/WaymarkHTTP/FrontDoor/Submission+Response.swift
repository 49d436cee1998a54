import Foundation
import HTTPTypes
import Hummingbird
import Waymark
import WaymarkEngine

extension Submission {
    /// What a client is told.
    func response(success: HTTPResponse.Status) -> Response {
        switch self {
        case .answered(let answer, let replayed):
            var response: Response
            if let rejection = answer.rejection {
                response = .problem(HTTPResponse.Status(code: rejection.status), rejection.body)
            } else {
                response = .json(success, answer.body)
            }
            if replayed { response.headers[.idempotentReplayed] = "true" }
            return response
        case .mismatch(.saga):
            return Problem(.keyReused, "The key was used for another operation.", field: IdempotencyKey.field).response
        case .mismatch(.request):
            return Problem(
                .keyReused, "The key was used for the same operation with another request.",
                field: IdempotencyKey.field
            ).response
        case .inProgress(let progress) where progress.cause == .running:
            return Problem(
                .inProgress, "The first request with this key is still being worked on.",
                retryAfter: progress.retryAfter
            ).response
        case .inProgress(let progress) where progress.cause == .waiting: return .waiting(progress)
        case .inProgress(let progress) where progress.cause == .blocked: return .blocked(progress)
        case .inProgress(let progress):
            return Problem(
                .unfinished, "The request is accepted and goes on by itself; ask again with the same key.",
                retryAfter: progress.retryAfter
            ).response
        case .parked(let reason):
            return Problem(.parked, "The request is accepted and waits for a person (\(reason.rawValue)).").response
        }
    }
}

extension HTTPField.Name {
    /// `true` on an answer that was given before: Stripe's header.
    static let idempotentReplayed = constant("Idempotent-Replayed")
    /// The client's name of the operation: draft-ietf-httpapi-idempotency-key-header.
    static let idempotencyKey = constant("Idempotency-Key")

    private static func constant(_ name: String) -> HTTPField.Name {
        guard let name = HTTPField.Name(name) else { preconditionFailure("\(name) is a field name") }
        return name
    }
}

extension Response {
    /// 202: all is well, and nothing happens for now.
    fileprivate static func waiting(_ progress: SagaProgress) -> Response {
        let document = ["status": progress.cause.rawValue, "recovery_point": progress.recoveryPoint]
        // Strings always encode.
        var response = Response.json(.accepted, (try? JSONCoding.encode(document)) ?? "{}")
        response.setRetryAfter(min(progress.retryAfter, longestRetryAfter))
        return response
    }

    /// 502: nothing happens before a person has seen to another request.
    fileprivate static func blocked(_ progress: SagaProgress) -> Response {
        let child = progress.parkedChild
        let what = child.map { "request \($0.id.uuidString.lowercased()) of saga '\($0.saga)'" } ?? "another request"
        let reason = child.map { " (\($0.reason.rawValue))" } ?? ""
        return Problem(
            .childParked, "The request is accepted and waits for \(what), which waits for a person\(reason).",
            retryAfter: min(progress.retryAfter, longestRetryAfter), child: child?.id
        ).response
    }

    /// Of a wait that may be days: whoever asks now and then hears soon enough that it is over.
    private static let longestRetryAfter: Duration = .seconds(60)

    /// Whole seconds, never zero: a client must not spin.
    mutating func setRetryAfter(_ delay: Duration) {
        headers[.retryAfter] = String(max(1, Int(delay.inSeconds.rounded(.up))))
    }

    static func json(_ status: HTTPResponse.Status, _ body: String) -> Response {
        Response(
            status: status, headers: [.contentType: "application/json"],
            body: .init(byteBuffer: ByteBuffer(string: body)))
    }

    static func problem(_ status: HTTPResponse.Status, _ body: String) -> Response {
        Response(
            status: status, headers: [.contentType: "application/problem+json"],
            body: .init(byteBuffer: ByteBuffer(string: body)))
    }
}
