import AsyncHTTPClient
import Foundation
import NIOCore

/// What the payment and mail service says about every ride, from its own ledger.
struct SandboxFacts: Sendable {
    /// A line of `GET /ledger/charges`.
    struct Charge: Decodable, Sendable {
        let id: String
        let description: String?
        let amount: Int
        let refunded: Bool
    }

    /// A line of `GET /ledger/messages`.
    struct Message: Decodable, Sendable {
        let subject: String
    }

    /// The parts of the ledger's summary that no listing has.
    struct Summary: Decodable, Sendable {
        let declines: Int
        let refunds: Int
        let replays: Int
        let faults: [String: Int]
    }

    /// Bytes of a listing: some hundred for each of 100,000 rides.
    private static let listingLimit = 64 << 20
    private static let timeout = TimeAmount.seconds(10)

    let summary: Summary
    let charges: [Charge]
    let messages: [Message]

    /// Asks for all of it. Nothing may be under way any more.
    static func read(from base: URL) async throws -> SandboxFacts {
        SandboxFacts(
            summary: try await get("ledger", Summary.self, base),
            charges: try await get("ledger/charges", [Charge].self, base),
            messages: try await messages(at: base))
    }

    /// The receipts that were delivered so far.
    static func messages(at base: URL) async throws -> [Message] {
        try await get("ledger/messages", [Message].self, base)
    }

    private static func get<Value: Decodable>(_ path: String, _ type: Value.Type, _ base: URL) async throws -> Value {
        let request = HTTPClientRequest(url: base.appendingPathComponent(path).absoluteString)
        let response = try await HTTPClient.shared.execute(request, timeout: timeout)
        let body = try await response.body.collect(upTo: listingLimit)
        return try JSONDecoder().decode(type, from: Data(body.readableBytesView))
    }
}
