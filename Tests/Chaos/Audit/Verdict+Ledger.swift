import Foundation
import Staging

/// What the sandbox did, held against what it was to do.
extension Verdict {
    /// Every booked ride is charged once, by the charge that it names, and nothing else is.
    mutating func countCharges() {
        let byRide = Dictionary(grouping: facts.sandbox.charges.filter { !$0.refunded }) {
            $0.description?.lowercased() ?? ""
        }
        var expected: Set<String> = []
        for key in facts.keys where key.kind == .ride {
            guard let ride = key.rideID else { continue }
            let name = "ride \(ride.uuidString.lowercased())"
            expected.insert(name)
            let charges = byRide[name] ?? []
            // What is parked may be charged or not: that is why it is parked.
            let allowed = key.rideState == "booked" ? 1...1 : 0...(key.parkedReason == nil ? 0 : 1)
            if charges.count > allowed.upperBound {
                duplicate("\(key.key) was charged \(charges.count) times", key.row, "\(charges)")
            } else if charges.count < allowed.lowerBound
                || key.rideState == "booked" && charges.first?.id != key.chargeID
            {
                complain("\(key.key) is not charged by the charge on record", key.row, "\(charges)")
            }
        }
        for (name, charges) in byRide where !expected.contains(name) {
            duplicate("a charge belongs to no ride", "\(charges)")
        }
    }

    /// Every paid withdrawal was paid once, under its own reference, and nothing else was.
    mutating func countWithdrawals() {
        for (reference, lines) in Dictionary(grouping: facts.sandbox.withdrawals, by: \.reference) where lines.count > 1
        {
            let paid = facts.keys.filter { key in lines.contains { $0.id == key.bankID } }.map(\.row)
            duplicate("reference \(reference) was paid \(lines.count) times", "\(lines)", "\(paid)")
        }
        let ledger = Set(facts.sandbox.withdrawals.map(\.id))
        let keys = facts.keys.filter { $0.kind == .withdrawal && $0.bankID != nil }
        for key in keys where !ledger.contains(key.bankID ?? "") {
            complain("\(key.key) is not paid by the bank", key.row)
        }
        // Murky ones that are parked may be paid or not: that is why they are parked.
        let known = Set(keys.compactMap(\.bankID))
        for line in facts.sandbox.withdrawals where !known.contains(line.id) && line.account != WithdrawalOrder.murky {
            duplicate("the bank paid what nobody knows of", "\(line)")
        }
    }

    /// Every booked ride has its one receipt, every paid withdrawal its one notice: jobs are handed on with one id, by
    /// which the mail service drops repeats.
    mutating func countMails() {
        let bySubject = Dictionary(grouping: facts.sandbox.messages) { $0.subject.lowercased() }.mapValues(\.count)
        var expected: Set<String> = []
        for key in facts.keys {
            let subject: String? =
                switch key.kind {
                case .ride:
                    key.rideState == "booked" ? key.rideID.map { "your ride \($0.uuidString.lowercased())" } : nil
                case .withdrawal:
                    key.withdrawalState == "paid"
                        ? key.withdrawalID.map { "your withdrawal \($0.uuidString.lowercased())" } : nil
                }
            guard let subject else { continue }
            expected.insert(subject)
            let count = bySubject[subject] ?? 0
            if count > 1 { duplicate("\(key.key) has \(count) mails", key.row) }
            if count < 1 { complain("\(key.key) has no mail", key.row) }
        }
        for subject in bySubject.keys where !expected.contains(subject) {
            duplicate("a mail belongs to no finished saga", subject)
        }
    }
}
