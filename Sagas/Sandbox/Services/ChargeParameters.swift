/// The parameters of `POST /v1/charges`, checked.
struct ChargeParameters: Sendable, Equatable {
    /// The smallest and the largest amount, in minor units, as with Stripe: half a dollar, and eight digits.
    static let amounts = 50...99_999_999
    private static let known: Set = [
        "amount", "currency", "customer", "source", "description", "receipt_email", "statement_descriptor", "capture",
    ]

    let amount: Int
    let currency: String
    let customer: String?
    let description: String?

    /// - Throws: ``Refusal`` with the answer.
    init(_ form: [String: String]) throws {
        try form.refuseUnknown { Self.known.contains($0) || $0.hasPrefix("metadata[") }
        let amount = try form.requiredInteger("amount")
        guard amount >= Self.amounts.lowerBound else {
            throw Refusal(
                .invalid(
                    "Amount must be at least \(Self.amounts.lowerBound) in the smallest unit of the currency.",
                    param: "amount",
                    code: "amount_too_small"
                )
            )
        }
        guard amount <= Self.amounts.upperBound else {
            throw Refusal(
                .invalid(
                    "Amount must be no more than \(Self.amounts.upperBound) in the smallest unit of the currency.",
                    param: "amount",
                    code: "amount_too_large"
                )
            )
        }
        let currency = try form.requiredCurrency()
        guard form["customer"]?.isEmpty == false || form["source"]?.isEmpty == false else {
            throw Refusal(.invalid("Must provide source or customer.", param: "customer", code: "parameter_missing"))
        }
        self.amount = amount
        self.currency = currency
        customer = form["customer"]
        description = form["description"]
    }
}
