package import Configuration
import Foundation
import NIOHTTP1

/// A bank's API that knows no idempotency keys: who withdraws twice has withdrawn twice, but the bank can be asked.
package struct Bank: Sendable {
    private let http: HTTPService

    /// Reads `BANK_API_BASE` and `BANK_API_KEY`.
    package init(settings: ConfigReader) {
        http = HTTPService("bank", settings)
    }

    /// Withdraws from an account, once for every time it is called.
    /// - Parameters:
    ///   - amount: in the currency's smallest unit.
    ///   - reference: our own text, by which `withdrawal(reference:)` finds it.
    /// - Returns: the bank's id of the withdrawal.
    /// - Throws: `Rejection` (402) when there is nothing to withdraw; anything else is transient.
    package func withdraw(
        account: String, amount: Int, currency: String, reference: String
    ) async throws -> String {
        let body = ["account": account, "amount": "\(amount)", "currency": currency, "reference": reference]
        let made: Withdrawal = try await http.send(.POST, "/v1/withdrawals", body: body)
        return made.id
    }

    /// The id of the withdrawal with this reference, or nil where there is none so far.
    package func withdrawal(reference: String) async throws -> String? {
        let query = reference.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
        let statement: Statement = try await http.send(.GET, "/v1/withdrawals?reference=\(query)")
        return statement.data.first?.id
    }

    private struct Withdrawal: Decodable {
        let id: String
    }

    private struct Statement: Decodable {
        let data: [Withdrawal]
    }
}
