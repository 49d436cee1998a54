/// From where on a service looks through an index for what is due, oldest first.
///
/// What was taken leaves a dead entry at the head of the index, and one old transaction is enough for vacuum to remove
/// none of them. So a look begins where the ones before ended, and only now and then at the very beginning, for what has
/// become due behind that: what was committed late, or was another's when it was looked at. Nothing but its delay rests
/// on it.
struct LookFloor {
    /// How far behind the database's clock a look that left nothing ends, in seconds: a row is stamped when its
    /// transaction begins, and is seen when that commits. Few take longer, and five seconds of dead entries cost little.
    static let margin = 5.0
    /// The pause between two looks at everything, in seconds: as long as something may be left behind. Drawn, so that many
    /// processes do not look together.
    static let pauses = 30.0...60.0
    /// A look at everything takes no larger share of the time than one part in so many.
    static let share = 20

    private var floor: Double?
    private var wholeDueAt: ContinuousClock.Instant?

    /// Where the next look begins, in seconds since 1970 by the database's clock; nil: at the beginning.
    func start(at now: ContinuousClock.Instant) -> Double? {
        guard let wholeDueAt, now < wholeDueAt else { return nil }
        return floor
    }

    /// A look that began at `start` is over.
    /// - Parameters:
    ///   - end: before it nothing is left; nil where it does not tell.
    ///   - length: how long it took.
    mutating func looked(from start: Double?, to end: Double?, taking length: Duration, at now: ContinuousClock.Instant)
    {
        if start == nil {
            wholeDueAt = now + max(.seconds(Double.random(in: Self.pauses)), length * Self.share)
        }
        floor = end ?? floor
    }
}
