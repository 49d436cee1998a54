import Foundation
import Waymark

/// What a customer asks for; who the customer is comes from authentication.
public struct WithdrawalRequest: Codable, Sendable {
    let owner: String
    let account: String
    /// In the smallest unit of the account's currency.
    let amount: Int

    /// - Throws: `WaymarkError` that names the field which cannot be right.
    init(_ fields: WithdrawalFields, for customer: Customer) throws {
        try fields.check()
        owner = customer.email
        account = fields.account
        amount = fields.amount
    }
}

/// The body of `POST /withdrawals`, as JSON or as a form.
struct WithdrawalFields: Codable, Sendable {
    /// More than any currency has for one person.
    private static let largestAmount = 1_000_000_000
    private static let longestAccount = 64

    let account: String
    let amount: Int

    func check() throws {
        guard (1...Self.longestAccount).contains(account.utf8.count),
            account.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
        else {
            throw WaymarkError(
                .invalidField, "must be 1 to \(Self.longestAccount) printable ASCII characters", field: "account")
        }
        guard (1...Self.largestAmount).contains(amount) else {
            throw WaymarkError(.invalidField, "must be 1 to \(Self.largestAmount)", field: "amount")
        }
    }
}

/// An amount that is promised to a withdrawal, not yet paid.
struct Reservation: Codable, Sendable {
    let id: UUID
    let owner: String
    let account: String
    /// In the currency's smallest unit.
    let amount: Int
    let currency: String
}

/// A reservation that the bank has paid out.
struct PaidReservation: Codable, Sendable {
    let reservation: Reservation
    let bankID: String
}

/// The response.
public struct Payout: Codable, Sendable {
    let withdrawalID: UUID
    let bankID: String
    let account: String
    /// In the currency's smallest unit.
    let amount: Int
    let currency: String

    enum CodingKeys: String, CodingKey {
        case withdrawalID = "withdrawal_id"
        case bankID = "bank_id"
        case account, amount, currency
    }
}

/// Tells the customer by mail that the money is on its way.
struct SendPayoutNotice: Job {
    static let name = "send-payout-notice"

    let to: String
    let withdrawalID: UUID
    let amount: Int
    let currency: String
}
