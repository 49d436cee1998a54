/// Takes and gives back money.
public protocol PaymentGateway: Sendable {
    /// Charges a card, and gives the charge's id.
    /// - Parameters:
    ///   - amount: in the currency's smallest unit.
    ///   - idempotencyKey: the same for every repeat of this charge.
    /// - Throws: `Rejection` when the card is declined; anything else is transient.
    func charge(
        amount: Int, currency: String, customer: String, description: String, idempotencyKey: String
    ) async throws -> String

    /// Gives a charge back; one that was given back already is a success.
    func refund(charge: String, idempotencyKey: String) async throws
}
