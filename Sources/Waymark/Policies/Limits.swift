/// Every bound on what is accepted, each with its reason.
public enum Limits {
    /// Characters of an idempotency key: what Stripe's API and the IETF draft's implementers take.
    public static let keyLength = 255
    /// Bytes of a scope: it is stored in every row.
    public static let scopeLength = 255
    /// Characters of a saga's, step's or job's name: they are stored in every row and label metrics.
    public static let nameLength = 80
    /// Steps of one saga: a longer one wants a child saga; 24 already type-check in seconds.
    public static let stepsPerSaga = 100
    /// How long anything may take or be waited for, a hundred years: a longer one is a slip, and no row could hold its end.
    public static let duration: Duration = .days(36_500)
    /// Elements of one ForEach: all of them are recorded in the request's row, which each one's commit rewrites.
    public static let elements = 200
    /// Bytes of an event's or a job's payload, and of a request that `Transaction.start` starts, as JSON; of any other request
    /// and of each step's output unless an engine is configured otherwise: the row is rewritten with each phase.
    public static let valueBytes = 256 * 1024
    /// Jobs staged by one phase: they are inserted one statement each in the phase's commit.
    public static let jobsPerPhase = 100
    /// Characters of a stored error text: for people, not for machines.
    public static let errorLength = 1_000
    /// Levels of nesting in JSON: parsers recurse, stacks end.
    public static let jsonDepth = 64
}
