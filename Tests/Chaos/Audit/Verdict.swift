import Foundation
import Staging

/// Holds what the clients heard against the database, and the database against the sandbox's ledger.
struct Verdict: Sendable {
    let facts: Facts
    /// Requests that were answered with a success, with a rejection, and those that wait for a person.
    private(set) var finished = 0
    private(set) var rejected = 0
    private(set) var parked = 0
    /// Requests without an answer, without a key, or with one that is neither done nor parked.
    private(set) var lost = 0
    /// Effects that happened more often than they may have, here and in the ledger.
    private(set) var duplicated = 0
    /// Answers that are not the one of their request.
    private(set) var wrongAnswers = 0
    /// What is wrong, each in a sentence, with the key, its row and the ledger's lines.
    private(set) var problems: [String] = []

    init(records: [String: Records.Record], facts: Facts) {
        self.facts = facts
        let keys = Dictionary(facts.keys.map { ($0.key, $0) }, uniquingKeysWith: { first, _ in first })
        for record in records.values.sorted(by: { $0.order.key < $1.order.key }) {
            judge(record, key: keys[record.order.key])
        }
        for key in facts.keys {
            if records[key.key] == nil { complain("\(key.key) was asked for by nobody", key.row) }
            if !key.isSound { complain("\(key.key) has a fence, journal or lease that cannot be", key.row) }
        }
        countCharges()
        countWithdrawals()
        countMails()
        for account in facts.accounts {
            duplicate(
                "account \(account.id) has \(account.overspent) more spent and \(account.overreserved) more reserved "
                    + "than its withdrawals account for")
        }
        if facts.strays > 0 { duplicate("\(facts.strays) rides or withdrawals belong to no key") }
        if facts.jobsLeft > 0 { complain("\(facts.jobsLeft) jobs were not handed on") }
    }

    mutating func duplicate(_ what: String, _ details: String...) {
        duplicated += 1
        note("duplicated: \(what)", details)
    }

    mutating func complain(_ what: String, _ details: String...) { note("unsound: \(what)", details) }

    private mutating func lose(_ what: String, _ details: String...) {
        lost += 1
        note("lost: \(what)", details)
    }

    private mutating func findWrong(_ what: String, _ details: String...) {
        wrongAnswers += 1
        note("wrong answer: \(what)", details)
    }

    private mutating func note(_ what: String, _ details: [String]) {
        problems.append(([what] + details).joined(separator: "\n    "))
    }

    /// Sorts one request, and holds what its clients heard against its row.
    private mutating func judge(_ record: Records.Record, key: KeyFacts?) {
        let order = record.order
        guard let key else { return lose("\(order.key) has no key", "heard \(record.heard)") }
        guard let answer = record.heard.first, record.silence == nil else {
            return lose("\(order.key) was not answered (\(record.silence ?? "nobody waited"))", key.row)
        }
        guard key.done || key.parkedReason != nil else {
            return lose("\(order.key) is neither finished nor parked", key.row)
        }
        // What is parked is told so each time, with the time it has been: not a final answer.
        let finals = Set(record.heard.filter { !$0.isParked })
        if finals.count > 1 { findWrong("\(order.key) was answered in \(finals.count) ways: \(record.heard)", key.row) }
        if key.parkedReason != nil {
            parked += 1
            if !order.isMurky { complain("\(order.key) was parked without need", key.row) }
            if !finals.isEmpty { findWrong("\(order.key) is parked, and was answered \(record.heard)", key.row) }
            return
        }
        if answer.isParked { findWrong("\(order.key) was said to be parked, and is finished", key.row) }
        if key.responseStatus == 201 || key.responseStatus == 200 { finished += 1 } else { rejected += 1 }
        if !key.isAnswered(by: answer) { findWrong("\(order.key) was answered \(answer)", key.row) }
        if !key.agreesWithAnswer { findWrong("\(order.key)'s answer is not what was done", key.row) }
    }
}
