import Foundation
import Staging

extension Verdict {
    /// Every booked ride is charged once, by the charge that it names, and nothing else is.
    mutating func countCharges() {
        let kept = facts.sandbox.charges.filter { !$0.refunded }
        charges = kept.count
        let byRide = Dictionary(grouping: kept) { $0.description?.lowercased() ?? "" }
        let keys = facts.database.keys
        let known = Dictionary(
            keys.compactMap { key in key.rideID.map { ("ride \($0.uuidString.lowercased())", key) } },
            uniquingKeysWith: { first, _ in first })
        for (ride, charges) in byRide.sorted(by: { $0.key < $1.key }) {
            let name = known[ride]?.name ?? "Something that is no ride (\(ride))"
            if charges.count > 1 {
                duplicateCharges += 1
                problems.append("\(name) was charged \(charges.count) times.")
            }
            if known[ride]?.state != "booked" { problems.append("\(name) was charged and is not booked.") }
        }
        for (ride, key) in known where key.state == "booked" && byRide[ride]?.first?.id != key.chargeID {
            problems.append("\(key.name) is booked, but not paid by the charge on record.")
        }
        if charges != finished { problems.append("There are \(charges) charges for \(finished) finished rides.") }
    }

    /// Every booked ride has its one receipt.
    mutating func countReceipts() {
        receipts = facts.sandbox.messages.count
        let byRide = Dictionary(grouping: facts.sandbox.messages) { $0.subject.lowercased() }
        for key in facts.database.keys where key.state == "booked" {
            guard let ride = key.rideID else { continue }
            let count = byRide["your ride \(ride.uuidString.lowercased())"]?.count ?? 0
            if count != 1 { problems.append("\(key.name) has \(count) receipts, not 1.") }
        }
        if receipts != finished { problems.append("There are \(receipts) receipts for \(finished) finished rides.") }
    }
}
