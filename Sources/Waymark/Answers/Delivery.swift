/// What became of an event that was sent to a request.
public enum Delivery: String, Sendable, CaseIterable {
    /// Stored. The step that waits for it gets it, also where its wait has yet to begin.
    case delivered
    /// The same event was there already, with the same payload. Nothing changed.
    case repeated
    /// The event was there already with another payload, and that one counts. Nothing changed.
    case conflict
    /// The wait is over: its time ran out, it was skipped, or the request was rejected. Nothing changed.
    case passed
    /// The request has its answer, and never got the event. Nothing changed.
    case finished
    /// There is no request with this key; or not yet, or not any more.
    case unknownKey = "unknown_key"
    /// The key belongs to a request of another saga. Nothing changed.
    case mismatch
}
