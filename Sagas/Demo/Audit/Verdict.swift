import Foundation
import Staging
import WaymarkClient

/// The count, and everything that is wrong with it.
struct Verdict: Sendable {
    let facts: Facts
    /// Rides that were asked for.
    var rides = 0
    /// Rides that were booked, answered with 201.
    var finished = 0
    /// Rides whose card was declined, answered with 402.
    var rejected = 0
    /// Rides that wait for a person. There should be none; one is not lost, though.
    var parked = 0
    /// Rides without a final answer, or without a key that is done.
    var lost = 0
    /// Charges that were not given back.
    var charges = 0
    /// Rides that were charged more than once.
    var duplicateCharges = 0
    /// Receipts that the mail service took.
    var receipts = 0
    /// What is wrong, each in a sentence.
    var problems: [String] = []

    /// - Parameters:
    ///   - results: what the clients heard while everything was being killed.
    ///   - replays: what they heard when they asked once more.
    init(results: [RideResult], replays: [RideResult], facts: Facts) {
        self.facts = facts
        rides = results.count
        let keys = Dictionary(facts.database.keys.map { ($0.key, $0) }, uniquingKeysWith: { first, _ in first })
        let again = Dictionary(replays.map { ($0.order.key, $0.replies) }, uniquingKeysWith: { first, _ in first })
        for result in results {
            judge(result, again: again[result.order.key] ?? [], key: keys[result.order.key])
        }
        countCharges()
        countReceipts()
        if facts.database.keys.count != rides {
            problems.append("There are \(facts.database.keys.count) keys for \(rides) rides.")
        }
        if facts.database.strayRides > 0 { problems.append("\(facts.database.strayRides) rides belong to no key.") }
    }

    /// The last line.
    var line: String {
        "rides \(rides)  finished \(finished)  rejected \(rejected)  parked \(parked)  lost \(lost)  "
            + "charges \(charges)  duplicate charges \(duplicateCharges)  receipts \(receipts)"
    }

    /// Sorts one ride, and holds what its clients heard against its row.
    private mutating func judge(_ result: RideResult, again: [RideResult.Reply], key: DatabaseFacts.Key?) {
        guard let key else {
            lost += 1
            problems.append("\(result.order.key) is lost: no such key is in the table.")
            return
        }
        if let reason = key.parkedReason {
            parked += 1
            // A person's turn: stopped, not lost. Its charge, if any, shows in the count below.
            if key.responseStatus != nil || key.state == "booked" {
                problems.append("\(key.name) is parked (\(reason)), and yet it has an answer.")
            }
            return
        }
        let replies = result.replies + again
        let answers = replies.compactMap(\.answer)
        guard key.done, answers.count == replies.count, let answer = answers.first else {
            lost += 1
            problems.append("\(key.name) is lost: \(Self.loss(replies, key)).")
            return
        }
        if Set(answers.map { Heard($0) }).count > 1 {
            let heard = answers.map { "\($0.status) \(String(decoding: $0.body, as: UTF8.self))" }
            problems.append("\(key.name) was answered differently: \(heard.joined(separator: " | ")).")
        }
        if answer.status == 201 { finished += 1 } else { rejected += 1 }
        problems += Self.disagreements(of: answer, with: key)
    }

    /// What of an answer must be the same whenever it is given.
    private struct Heard: Hashable {
        let status: Int
        let body: Data

        init(_ answer: Answer) { (status, body) = (answer.status, answer.body) }
    }

    /// Why a ride counts as lost.
    private static func loss(_ replies: [RideResult.Reply], _ key: DatabaseFacts.Key) -> String {
        guard key.done else { return "its key is not done (\(key.lastError ?? "no error is on record"))" }
        let reasons = replies.compactMap { if case .none(let reason) = $0 { reason } else { nil } }
        return "a client got no answer (\(reasons.first ?? "none was sent"))"
    }

    /// One ride and one audit record, in the state that the answer says.
    private static func disagreements(of answer: Answer, with key: DatabaseFacts.Key) -> [String] {
        var problems: [String] = []
        if key.responseStatus != nil, key.responseBody.map({ Data($0.utf8) }) != answer.body {
            problems.append("\(key.name) has another answer stored than the one that was given.")
        }
        if key.rideID == nil { problems.append("\(key.name) has no ride.") }
        if key.auditRecords != 1 { problems.append("\(key.name) has \(key.auditRecords) audit records, not 1.") }
        let isBooked = answer.status == 201
        guard isBooked || answer.status == 402 else {
            return problems + ["\(key.name) was answered with \(answer.status), which no ride should be."]
        }
        let expected = isBooked ? "booked" : "cancelled"
        if key.state != expected {
            problems.append(
                "\(key.name) was answered with \(answer.status), but its ride is \(key.state ?? "missing").")
        }
        if isBooked {
            let confirmation = try? answer.decode(Confirmation.self)
            if confirmation == nil || confirmation?.chargeID != key.chargeID || confirmation?.rideID != key.rideID {
                problems.append("\(key.name) was confirmed with another ride or charge than the one on record.")
            }
        }
        return problems
    }

    /// The part of a 201's body that the table knows too.
    private struct Confirmation: Decodable {
        let rideID: UUID
        let chargeID: String

        enum CodingKeys: String, CodingKey {
            case rideID = "ride_id"
            case chargeID = "charge_id"
        }
    }
}
