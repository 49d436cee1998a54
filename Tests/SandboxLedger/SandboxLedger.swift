import AsyncHTTPClient
import Foundation
import NIOCore
import Synchronization

/// What the sandbox has done since a mark was set, by its own books.
package final class SandboxLedger: Sendable {
    /// The counts that say what was done, and not what was tried.
    private static let effects = [
        "charges", "refunds", "messages", "withdrawals", "labels", "pickups", "parcels", "cancellations",
    ]

    private let base: String
    private let marked = Mutex<[String: Int]>([:])

    /// - Parameter base: where the sandbox is: scheme, host and port.
    package init(base: String) {
        self.base = base
    }

    /// From now on it counts from here.
    package func mark() async throws {
        let counts = try await counts()
        marked.withLock { $0 = counts }
    }

    /// One line for each thing that was done since: `labels`.
    package func lines() async throws -> [String] {
        let before = marked.withLock(\.self)
        return try await counts().flatMap { name, count in
            Array(repeating: name, count: count - before[name, default: 0])
        }.sorted()
    }

    private func counts() async throws -> [String: Int] {
        let response = try await HTTPClient.shared.execute(
            HTTPClientRequest(url: "\(base)/ledger"), timeout: .seconds(30))
        let body = try await response.body.collect(upTo: 1 << 20)
        let books = try JSONSerialization.jsonObject(with: Data(body.readableBytesView)) as? [String: Any] ?? [:]
        return Self.effects.reduce(into: [:]) { $0[$1] = books[$1] as? Int }
    }
}
