/// A charge as Stripe's API shows it.
struct ChargeBody: Encodable {
    let id: String
    let object = "charge"
    let amount: Int
    let amountCaptured: Int
    let amountRefunded: Int
    let captured = true
    let created: Int
    let currency: String
    let customer: String?
    let description: String?
    let livemode = false
    let paid = true
    let refunded: Bool
    let status = "succeeded"

    init(_ charge: Charge) {
        id = charge.id
        amount = charge.amount
        amountCaptured = charge.amount
        amountRefunded = charge.isRefunded ? charge.amount : 0
        created = charge.created
        currency = charge.currency
        customer = charge.customer
        description = charge.description
        refunded = charge.isRefunded
    }
}

/// A refund as Stripe's API shows it.
struct RefundBody: Encodable {
    let id: String
    let object = "refund"
    let amount: Int
    let charge: String
    let created: Int
    let currency: String
    let reason: String?
    let status = "succeeded"

    init(_ refund: Refund, currency: String) {
        id = refund.id
        amount = refund.amount ?? 0
        charge = refund.charge
        created = refund.created
        self.currency = currency
        reason = refund.reason
    }
}

/// The withdrawals with one reference, as the bank lists them.
struct StatementBody: Encodable {
    let object = "list"
    /// Newest first.
    let data: [Withdrawal]
}

/// A message that was taken for delivery.
struct MessageBody: Encodable {
    let id: String
    let object = "message"
    let status = "queued"

    init(_ message: Message) { id = message.id }
}
