import Foundation

/// The bank. It knows no idempotency keys: who got no answer asks for the statement.
extension SandboxService {
    /// Accounts that begin so have nothing to withdraw.
    static let emptyPrefix = "empty"
    /// Of accounts and of references that begin so the bank cannot tell whether there are withdrawals.
    static let murkyPrefix = "murky"

    /// `POST /v1/withdrawals`. Whoever sends it twice withdraws twice.
    func withdraw(_ fields: [String: String]) async -> Outcome {
        var request = self.request("POST /v1/withdrawals", fields, nil)
        request.streak = fields["reference"].map { "withdrawal \($0)" }
        return await perform(request) { identity in
            let parameters = try WithdrawalParameters(fields)
            guard !parameters.account.hasPrefix(Self.emptyPrefix) else { throw Refusal(.insufficientFunds) }
            return .withdrawal(
                Withdrawal(
                    id: "wd_" + Hash.identifier(identity),
                    account: parameters.account,
                    amount: parameters.amount,
                    currency: parameters.currency,
                    reference: parameters.reference,
                    created: Int(Date().timeIntervalSince1970)
                )
            )
        }
    }

    /// `GET /v1/withdrawals`: the withdrawals with one `reference`, of one `account` if asked, the newest first.
    ///
    /// A withdrawal that is still being carried out is not among them.
    ///
    /// - Returns: 503 while the statement cannot be had, 409 where the bank will never be able to tell; neither says
    ///   anything about whether there are any.
    /// - Throws: ``Refusal`` when there is no `reference` in `query`.
    func statement(_ query: [String: String]) async throws -> Reply {
        try query.refuseUnknown(["account", "reference"].contains)
        let reference = try query.required("reference")
        let account = query["account"]
        guard !isStatementOut() else { return .statementUnavailable }
        let found = await ledger.book.withdrawals[reference, default: []].filter {
            account == nil || $0.account == account
        }
        let names = [reference, account ?? ""] + found.map(\.account)
        guard !names.contains(where: { $0.hasPrefix(Self.murkyPrefix) }) else { return .cannotTell }
        return Reply(status: 200, StatementBody(data: found.reversed()))
    }
}
