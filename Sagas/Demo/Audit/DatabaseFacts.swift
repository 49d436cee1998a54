import Foundation
import PostgresPQ

/// What the database says about every ride.
struct DatabaseFacts: Sendable {
    /// A key with what its phases wrote.
    struct Key: Decodable, Sendable {
        let id: UUID
        let key: String
        let done: Bool
        let parkedReason: String?
        let lastError: String?
        let responseStatus: Int?
        let responseBody: String?
        /// How many processes drove it forward.
        let runners: Int
        let auditRecords: Int
        /// The ride that belongs to it; the table allows no second one.
        let rideID: UUID?
        let state: String?
        let chargeID: String?

        enum CodingKeys: String, CodingKey {
            case id, key, done, runners, state
            case parkedReason = "parked_reason"
            case lastError = "last_error"
            case responseStatus = "response_status"
            case responseBody = "response_body"
            case auditRecords = "audit_records"
            case rideID = "ride_id"
            case chargeID = "charge_id"
        }

        /// How a sentence names it.
        var name: String { "\(key) (key \(id.uuidString.lowercased()))" }
    }

    let keys: [Key]
    /// Rides that belong to no key: there must be none.
    let strayRides: Int

    /// Reads every key. Nothing may be under way any more.
    static func read(from postgres: PostgresClient) async throws -> DatabaseFacts {
        let keys = try await postgres.query(
            """
            SELECT k.id, k.key, k.done, k.parked_reason, k.last_error, k.response_status, k.response_body,
                (SELECT count(DISTINCT step ->> 'by') FROM jsonb_array_elements(k.journal) AS step) AS runners,
                (SELECT count(*) FROM rocket_rides.audit_records AS a WHERE a.key_id = k.id) AS audit_records,
                r.id AS ride_id, r.state, r.charge_id
            FROM waymark.keys AS k LEFT JOIN rocket_rides.rides AS r ON r.key_id = k.id
            """
        ).decode(Key.self)
        let strays = try await postgres.query(
            """
            SELECT count(*) FROM rocket_rides.rides AS r
            WHERE NOT EXISTS (SELECT FROM waymark.keys AS k WHERE k.id = r.key_id)
            """
        ).decode(Int.self)
        return DatabaseFacts(keys: keys, strayRides: strays.first ?? 0)
    }

    /// How many keys are still on their way, and how many rides are booked, each with a receipt to come.
    static func progress(in postgres: PostgresClient) async throws -> (pending: Int, booked: Int) {
        try await postgres.query(
            """
            SELECT (SELECT count(*) FROM waymark.keys WHERE NOT done AND parked_reason IS NULL),
                (SELECT count(*) FROM rocket_rides.rides WHERE state = 'booked')
            """
        ).decode((Int, Int).self).first ?? (0, 0)
    }
}
