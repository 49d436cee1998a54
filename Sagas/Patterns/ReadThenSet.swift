import Foundation
import Waymark

/// Read, then set: a relative change is made absolute before it is sent.
///
/// **Problem.** "5 GB more" cannot be repeated: after a lost answer the account would get 10.
///
/// **Pattern.** One step reads what is there; its output is committed. The next step sets the value computed from that
/// *record*, never from another look. However often it is repeated, it sets the same value.
///
/// **Use it when** the foreign system sets absolute values, and nobody else changes this one meanwhile: quotas, prices,
/// limits, addresses, feature switches.
///
/// **It fails when** there is another writer: what was written between our read and our last repeat is overwritten. Then
/// send the version that was read (`If-Match`) and have a conflict refused; but a conflict may also be our own write,
/// whose answer was lost, so the value must tell whose it is. See `AddPoints` for a value that many change. It also
/// fails when both halves are one step: its repeat reads what it has written itself.
struct RaiseQuota: Saga {
    static let name = "raise-quota"
    let quotas: any QuotaService

    var body: some Step<QuotaRaise, Quota> {
        ForeignCall("quota_read", .natural, read)
        ForeignCall("quota_set", .natural, set)
    }

    /// Repeated until one answer is recorded; only that one counts.
    func read(_ raise: QuotaRaise, _ call: Call) async throws -> QuotaReading {
        guard let gigabytes = try await quotas.gigabytes(of: raise.account) else {
            throw Rejection(status: 404, type: "no_such_account", title: "There is no such account.")
        }
        return QuotaReading(raise: raise, gigabytes: gigabytes)
    }

    func set(_ reading: QuotaReading, _ call: Call) async throws -> Quota {
        let quota = Quota(
            account: reading.raise.account, gigabytes: reading.gigabytes + reading.raise.gigabytes)
        try await quotas.set(gigabytes: quota.gigabytes, of: quota.account)
        return quota
    }
}

/// Keeps how much storage each account has.
protocol QuotaService: Sendable {
    /// The quota now, or nil when there is no such account.
    func gigabytes(of account: UUID) async throws -> Int?

    /// Sets the quota, whatever it was.
    func set(gigabytes: Int, of account: UUID) async throws
}

/// The request.
struct QuotaRaise: Codable, Sendable {
    let account: UUID
    /// How much more.
    let gigabytes: Int
}

/// The record that makes the rest repeatable.
struct QuotaReading: Codable, Sendable {
    let raise: QuotaRaise
    /// What the account had when it was read.
    let gigabytes: Int
}

/// The response.
struct Quota: Codable, Sendable {
    let account: UUID
    let gigabytes: Int
}
