import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import Waymark

/// A bank's API: JSON orders, statements by reference, a bearer token, and no idempotency keys.
public struct Bank: Sendable {
    /// Bytes of an answer; a statement of one reference is a few hundred.
    private static let answerLimit = 64 * 1024

    /// Scheme, host and port.
    let base: String
    let token: String
    /// How long one request may take.
    var timeout: Duration = .seconds(20)
    /// How long after an order was sent the bank may still carry it out, whether or not anybody waits for the answer: the
    /// bank's promise, not a guess from how fast it commonly is.
    var processing: Duration = .minutes(2)

    /// How long after an order was begun its absence from the statement means nothing: it may have been sent as late as the
    /// timeout, and carried out as long after that as the bank takes. Anything shorter pays twice sooner or later.
    var settling: Duration { timeout + processing }

    /// Orders a payout, and gives the bank's id of it.
    /// - Parameters:
    ///   - amount: in the currency's smallest unit.
    ///   - reference: the caller's own text, by which the statement can be searched.
    /// - Throws: `Rejection` when the bank refuses; after anything else nobody knows whether it pays.
    func withdraw(account: String, amount: Int, currency: String, reference: String) async throws -> String {
        let order = Order(account: account, amount: amount, currency: currency, reference: reference)
        let answer = try await send(.POST, "v1/withdrawals", body: order)
        if answer.status == 402 {
            throw Rejection(status: 402, type: answer.code ?? "refused", title: "The bank refused the withdrawal.")
        }
        try answer.check()
        return try JSONDecoder().decode(Entry.self, from: answer.body).id
    }

    /// What the bank's statement says.
    enum Statement: Sendable, Hashable {
        /// The bank's ids of the withdrawals that it has carried out.
        case entries([String])
        /// The bank does not know, and will not.
        case cannotTell
    }

    /// Asks for the withdrawals from an account that have a reference. One that is still being carried out is not on it.
    /// - Throws: `TransientError` when the statement cannot be had at present.
    func statement(account: String, reference: String) async throws -> Statement {
        var query = URLComponents()
        query.queryItems = [.init(name: "account", value: account), .init(name: "reference", value: reference)]
        // A plus would be read as a space.
        let encoded = query.percentEncodedQuery?.replacing("+", with: "%2B") ?? ""
        let answer = try await send(.GET, "v1/withdrawals?\(encoded)")
        if answer.status == 409, answer.code == "cannot_tell" { return .cannotTell }
        try answer.check()
        return .entries(try JSONDecoder().decode(StatementBody.self, from: answer.body).data.map(\.id))
    }

    private struct Order: Encodable {
        let account: String
        let amount: Int
        let currency: String
        let reference: String
    }

    private struct Entry: Decodable {
        let id: String
    }

    private struct StatementBody: Decodable {
        let data: [Entry]
    }

    private func send(_ method: HTTPMethod, _ path: String, body: Order? = nil) async throws -> BankAnswer {
        var request = HTTPClientRequest(url: "\(base)/\(path)")
        request.method = method
        request.headers.add(name: "Authorization", value: "Bearer \(token)")
        if let body {
            request.headers.add(name: "Content-Type", value: "application/json")
            request.body = .bytes(ByteBuffer(bytes: try JSONEncoder().encode(body)))
        }
        // The step's own timeout cancels the task; this one only bounds a call made without one.
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(60))
        let bytes = try await response.body.collect(upTo: Self.answerLimit)
        // Seconds; the other form of the header, a date, is left to the retry policy, as is what is no number.
        let wait = response.headers.first(name: "Retry-After").flatMap(UInt16.init)
        return BankAnswer(
            status: Int(response.status.code), retryAfter: wait.map { .seconds(Int($0)) },
            body: Data(bytes.readableBytesView))
    }
}

/// What the bank answers, of whatever status.
private struct BankAnswer {
    let status: Int
    let retryAfter: Duration?
    let body: Data

    /// Which error it is, in a word that programs can switch on.
    var code: String? { (try? JSONDecoder().decode(ErrorBody.self, from: body))?.error.code }

    /// - Throws: `TransientError` unless the status is 2xx: an overload passes, and what looks like our own mistake is for
    ///   a person to see, in front of whom the key is parked at last.
    func check() throws {
        guard (200..<300).contains(status) else {
            throw TransientError(
                "the bank answered \(status)\(code.map { " \($0)" } ?? "")", retryAfter: retryAfter)
        }
    }

    private struct ErrorBody: Decodable {
        struct Details: Decodable {
            let code: String?
        }
        let error: Details
    }
}
