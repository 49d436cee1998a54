package import Configuration
import NIOHTTP1
package import Waymark

/// A carrier's API: what is booked under an idempotency key is booked once, and cancelled by its id.
package struct Carrier: Sendable {
    /// What every step that calls the carrier keeps to.
    package static let service = ForeignService(
        "carrier", maxConcurrent: 8, perSecond: 50, breaker: .init(failures: 5, pause: .seconds(5)))

    package enum Kind: String, Sendable {
        case label, pickup, parcel
    }

    private let http: HTTPService

    /// Reads `CARRIER_API_BASE` and `CARRIER_API_KEY`.
    package init(settings: ConfigReader) {
        http = HTTPService("carrier", settings)
    }

    /// Books a label, a pickup or a parcel.
    /// - Parameters:
    ///   - reference: our own text for it.
    ///   - description: an address, or what is inside.
    /// - Returns: the carrier's id of it.
    /// - Throws: `Rejection` (422) when the carrier does not carry this, or not there; anything else is transient.
    package func book(
        _ kind: Kind, reference: String, description: String, idempotencyKey: String
    ) async throws -> String {
        let body = ["reference": reference, "description": description]
        let booked: Booked = try await http.send(
            .POST, "/v1/\(kind.rawValue)s", body: body, idempotencyKey: idempotencyKey)
        return booked.id
    }

    /// Cancels a booking; one that is cancelled already is a success.
    package func cancel(_ kind: Kind, id: String, idempotencyKey: String) async throws {
        let _: Booked = try await http.send(.DELETE, "/v1/\(kind.rawValue)s/\(id)", idempotencyKey: idempotencyKey)
    }

    private struct Booked: Decodable {
        let id: String
    }
}
