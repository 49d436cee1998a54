import Foundation
import PostgresPQ

/// What the database says about one request, with what its phases wrote.
struct KeyFacts: Decodable, Sendable {
    let id: UUID
    let key: String
    let saga: String
    let done: Bool
    let parkedReason: String?
    let lastError: String?
    let responseStatus: Int?
    let responseBody: String?
    let recoveryPoint: String
    /// Whether somebody holds it, or did not give it back.
    let isHeld: Bool
    /// How often it was claimed, its acceptance included.
    let claims: Int
    /// The journal's steps, in order, with commas between.
    let steps: String
    /// Whether each of them was committed no earlier than the one before.
    let isInOrder: Bool
    /// How many processes committed them.
    let holders: Int

    /// The ride that belongs to it; the table allows no second one.
    let rideID: UUID?
    let rideState: String?
    let chargeID: String?
    let auditRecords: Int

    /// The withdrawal that belongs to it; the table allows no second one.
    let withdrawalID: UUID?
    let withdrawalState: String?
    let bankID: String?

    enum CodingKeys: String, CodingKey {
        case id, key, saga, done, claims, steps, holders
        case parkedReason = "parked_reason"
        case lastError = "last_error"
        case responseStatus = "response_status"
        case responseBody = "response_body"
        case recoveryPoint = "recovery_point"
        case isHeld = "is_held"
        case isInOrder = "is_in_order"
        case rideID = "ride_id"
        case rideState = "ride_state"
        case chargeID = "charge_id"
        case auditRecords = "audit_records"
        case withdrawalID = "withdrawal_id"
        case withdrawalState = "withdrawal_state"
        case bankID = "bank_id"
    }

    /// Which saga it is.
    enum Kind {
        case ride, withdrawal
    }

    var kind: Kind { saga == "book-ride" ? .ride : .withdrawal }

    /// The row, for a sentence about it.
    var row: String {
        let answer = responseStatus.map { "\($0) \(responseBody ?? "")" } ?? "none"
        return "\(saga) \(id.uuidString.lowercased()): at \(recoveryPoint), done \(done), "
            + "parked \(parkedReason ?? "no"), claims \(claims), journal [\(steps)], "
            + "ride \(rideState ?? "none"), withdrawal \(withdrawalState ?? "none"), answer \(answer), "
            + "last error \(lastError ?? "none")"
    }

    /// Reads all of them. Nothing may be under way any more.
    static func read(from postgres: PostgresClient) async throws -> [KeyFacts] {
        try await postgres.query(
            """
            SELECT k.id, k.key, k.saga, k.done, k.parked_reason, k.last_error, k.response_status, k.response_body,
                k.recovery_point, k.locked_by IS NOT NULL OR k.lease_until > now() AS is_held,
                (k.fence % 1000)::int AS claims, j.steps, j.is_in_order, j.holders,
                r.id AS ride_id, r.state AS ride_state, r.charge_id,
                (SELECT count(*) FROM rocket_rides.audit_records AS a WHERE a.key_id = k.id) AS audit_records,
                w.id AS withdrawal_id, w.state AS withdrawal_state, w.bank_id
            FROM waymark.keys AS k
            LEFT JOIN rocket_rides.rides AS r ON r.key_id = k.id
            LEFT JOIN withdrawal.withdrawals AS w ON w.key_id = k.id
            CROSS JOIN LATERAL (
                SELECT coalesce(string_agg(step, ',' ORDER BY number), '') AS steps,
                    coalesce(bool_and(at >= earlier), true) AS is_in_order, count(DISTINCT holder)::int AS holders
                FROM (
                    SELECT number, entry ->> 'step' AS step, entry ->> 'by' AS holder,
                        (entry ->> 'at')::timestamptz AS at,
                        lag((entry ->> 'at')::timestamptz) OVER (ORDER BY number) AS earlier
                    FROM jsonb_array_elements(k.journal) WITH ORDINALITY AS entries (entry, number)
                ) AS entries
            ) AS j
            """
        ).decode(KeyFacts.self)
    }
}
