/// What a foreign call's body gets: the key to pass on, and nothing that could touch our database.
public struct Call: Sendable {
    /// The key to send to the foreign system (in Stripe's API the `Idempotency-Key` header): a UUID's 36 characters,
    /// the same on every attempt at this step of this request, and different for every other step and request.
    public let idempotencyKey: String
    /// Which attempt at this step this is, from 1, over every process that ever held the key.
    public let attempt: Int
    /// How long this attempt may take; it is cancelled then.
    public let timeout: Duration
    /// Which request this is for.
    public let key: KeyContext

    package init(idempotencyKey: String, attempt: Int, timeout: Duration, key: KeyContext) {
        self.idempotencyKey = idempotencyKey
        self.attempt = attempt
        self.timeout = timeout
        self.key = key
    }
}
