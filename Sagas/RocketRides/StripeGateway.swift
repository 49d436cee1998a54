import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import Waymark

/// Stripe's API, or what talks like it: form-encoded requests, an `Idempotency-Key`, a bearer token.
struct StripeGateway: PaymentGateway {
    /// Bytes of an answer; a charge is about 2 KB.
    private static let answerLimit = 64 * 1024

    let base: String
    let secretKey: String

    func charge(
        amount: Int, currency: String, customer: String, description: String, idempotencyKey: String
    ) async throws -> String {
        let (status, body) = try await post(
            "v1/charges",
            [
                ("amount", String(amount)), ("currency", currency), ("customer", customer),
                ("description", description),
            ], idempotencyKey)
        if status.code == 402 {
            let code = (try? JSONDecoder().decode(ErrorAnswer.self, from: body))?.error.code ?? "card_error"
            throw Rejection(status: 402, type: code, title: "The card was declined.")
        }
        try Self.check(status)
        return try JSONDecoder().decode(Charge.self, from: body).id
    }

    func refund(charge: String, idempotencyKey: String) async throws {
        let (status, body) = try await post("v1/refunds", [("charge", charge)], idempotencyKey)
        let code = (try? JSONDecoder().decode(ErrorAnswer.self, from: body))?.error.code
        if code == "charge_already_refunded" { return }
        try Self.check(status)
    }

    private struct Charge: Decodable {
        let id: String
    }

    private struct ErrorAnswer: Decodable {
        struct Details: Decodable {
            let code: String?
        }
        let error: Details
    }

    /// Everything but success and a declined card may pass: 409 (our key is in flight), 429, 5xx, and also what looks like
    /// our own mistake, which a person should see (the key is parked then), not the rider.
    private static func check(_ status: HTTPResponseStatus) throws {
        guard status.code < 300 else { throw TransientError("the payment service answered \(status.code)") }
    }

    private func post(
        _ path: String, _ fields: [(String, String)], _ idempotencyKey: String
    ) async throws -> (HTTPResponseStatus, Data) {
        var request = HTTPClientRequest(url: "\(base)/\(path)")
        request.method = .POST
        request.headers.add(name: "Authorization", value: "Bearer \(secretKey)")
        request.headers.add(name: "Idempotency-Key", value: idempotencyKey)
        request.headers.add(name: "Content-Type", value: "application/x-www-form-urlencoded")
        request.body = .bytes(ByteBuffer(string: Self.form(fields)))
        // The step's own timeout cancels the task; this one only bounds a call made without one.
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(60))
        let body = try await response.body.collect(upTo: Self.answerLimit)
        // Seconds; the other form of the header, a date, is left to the retry policy, as is what is no number.
        let wait = response.headers.first(name: "Retry-After").flatMap(UInt16.init)
        if let wait, response.status.code >= 400, response.status.code != 402 {
            throw TransientError(
                "the payment service answered \(response.status.code)", retryAfter: .seconds(Int(wait)))
        }
        return (response.status, Data(body.readableBytesView))
    }

    private static func form(_ fields: [(String, String)]) -> String {
        var allowed = CharacterSet.alphanumerics
        allowed.insert(charactersIn: "-._~")
        return fields.map { name, value in
            "\(name)=\(value.addingPercentEncoding(withAllowedCharacters: allowed) ?? "")"
        }.joined(separator: "&")
    }
}
