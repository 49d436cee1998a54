/// The parameters of `POST /v1/withdrawals`, checked.
struct WithdrawalParameters: Sendable, Equatable {
    /// The longest reference, in characters: a line of a bank statement.
    static let longestReference = 100
    private static let known: Set = ["account", "amount", "currency", "reference"]

    let account: String
    /// In minor units.
    let amount: Int
    let currency: String
    /// The caller's own text. Nothing makes it unique.
    let reference: String

    /// - Throws: ``Refusal`` with the answer, which names the field.
    init(_ fields: [String: String]) throws {
        try fields.refuseUnknown(Self.known.contains)
        account = try fields.required("account")
        amount = try fields.requiredInteger("amount")
        guard amount > 0 else {
            throw Refusal(.invalid("Amount must be positive.", param: "amount", code: "amount_too_small"))
        }
        currency = try fields.requiredCurrency()
        reference = try fields.required("reference")
        guard reference.count <= Self.longestReference else {
            throw Refusal(
                .invalid("Reference must be 1 to \(Self.longestReference) characters.", param: "reference")
            )
        }
    }
}
