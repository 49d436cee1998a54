import Foundation

extension KeyFacts {
    /// Which steps a request that is at its end may have recorded, by its HTTP status; nil for one that is parked.
    private static func journals(_ kind: Kind, isRejected: Bool?) -> Set<String> {
        switch (kind, isRejected) {
        case (.ride, false?): ["ride_created,charge_created,receipt_staged"]
        case (.ride, true?): ["ride_created,ride_created:undone"]
        case (.ride, nil): ["", "ride_created", "ride_created,charge_created"]
        case (.withdrawal, false?): ["reserved,withdrawn,booked"]
        // Refused at once, or by the bank.
        case (.withdrawal, true?): ["", "reserved,reserved:undone"]
        case (.withdrawal, nil): ["reserved", "reserved,withdrawn"]
        }
    }

    private var isRejected: Bool? { done ? !isSuccess : nil }

    private var isSuccess: Bool { (200..<300).contains(responseStatus ?? 0) }

    /// Whether fence, journal and lease are such as the protocol allows: each step once, in order, by no more processes
    /// than claimed it, and given back.
    var isSound: Bool {
        claims >= 1 && isInOrder && holders <= claims && !isHeld
            && Self.journals(kind, isRejected: isRejected).contains(steps)
    }

    /// Whether an answer is the one on record. A success is stored as 200, whatever status the route gives it.
    func isAnswered(by answer: Records.Heard) -> Bool {
        let isSameStatus = isSuccess ? (200..<300).contains(answer.status) : answer.status == responseStatus
        return isSameStatus && responseBody.map { Data($0.utf8) } == answer.body
    }

    /// Whether what the phases wrote is what the answer on record says.
    var agreesWithAnswer: Bool {
        let body = responseBody.flatMap { try? JSONDecoder().decode(Body.self, from: Data($0.utf8)) }
        switch (kind, isSuccess) {
        case (.ride, true):
            return rideState == "booked" && auditRecords == 1 && rideID != nil && body?.rideID == rideID
                && body?.chargeID != nil && body?.chargeID == chargeID
        case (.ride, false): return responseStatus == 402 && rideState == "cancelled" && auditRecords == 1
        case (.withdrawal, true):
            return withdrawalState == "paid" && withdrawalID != nil && body?.withdrawalID == withdrawalID
                && body?.bankID != nil && body?.bankID == bankID
        case (.withdrawal, false):
            return responseStatus == 402 && (withdrawalState == nil || withdrawalState == "released")
        }
    }

    /// The part of an answer's body that the tables know too.
    private struct Body: Decodable {
        let rideID: UUID?
        let chargeID: String?
        let withdrawalID: UUID?
        let bankID: String?

        enum CodingKeys: String, CodingKey {
            case rideID = "ride_id"
            case chargeID = "charge_id"
            case withdrawalID = "withdrawal_id"
            case bankID = "bank_id"
        }
    }
}
