import AsyncHTTPClient
package import Foundation
import NIOCore

/// What the payment service, the bank and the mail service have done, from their own ledger.
package struct SandboxFacts: Sendable {
    /// A line of `GET /ledger/charges`.
    package struct Charge: Decodable, Sendable {
        package let id: String
        package let description: String?
        package let amount: Int
        package let refunded: Bool
    }

    /// A line of `GET /ledger/messages`.
    package struct Message: Decodable, Sendable {
        package let subject: String
    }

    /// A line of `GET /ledger/withdrawals`.
    package struct Withdrawal: Decodable, Sendable, Hashable {
        package let id: String
        package let account: String
        package let amount: Int
        /// What it was ordered under.
        package let reference: String
    }

    /// The parts of the ledger's summary that no listing has.
    package struct Summary: Decodable, Sendable {
        package let declines: Int
        package let refunds: Int
        package let replays: Int
        package let faults: [String: Int]
    }

    /// Bytes of a listing: some hundred for each of 100,000 sagas.
    private static let listingLimit = 64 << 20
    private static let timeout = TimeAmount.seconds(10)

    package let summary: Summary
    package let charges: [Charge]
    package let messages: [Message]
    package let withdrawals: [Withdrawal]

    /// Asks for all of it. Nothing may be under way any more.
    package static func read(from base: URL) async throws -> SandboxFacts {
        SandboxFacts(
            summary: try await get("ledger", Summary.self, base),
            charges: try await get("ledger/charges", [Charge].self, base),
            messages: try await messages(at: base),
            withdrawals: try await get("ledger/withdrawals", [Withdrawal].self, base))
    }

    /// The mails that were delivered so far.
    package static func messages(at base: URL) async throws -> [Message] {
        try await get("ledger/messages", [Message].self, base)
    }

    private static func get<Value: Decodable>(_ path: String, _ type: Value.Type, _ base: URL) async throws -> Value {
        let request = HTTPClientRequest(url: base.appendingPathComponent(path).absoluteString)
        let response = try await HTTPClient.shared.execute(request, timeout: timeout)
        let body = try await response.body.collect(upTo: listingLimit)
        return try JSONDecoder().decode(type, from: Data(body.readableBytesView))
    }
}
