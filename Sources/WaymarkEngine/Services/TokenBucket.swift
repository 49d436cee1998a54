import Waymark

/// How many calls may begin when: tokens come at a steady rate, each call takes one, and what is left is kept up to a
/// second's worth, at least one.
///
/// It is kept as one instant, after the generic cell rate algorithm (ITU-T I.371): no count that rounding could wear.
/// In any time of t seconds it gives at most t · rate + max(1, rate) tokens.
struct TokenBucket {
    typealias Instant = ContinuousClock.Instant

    /// How long a token takes to come.
    let interval: Duration
    /// How long before the bucket is full it holds one token.
    private let headStart: Duration
    /// When the bucket is full again; `nil`: nothing was ever taken.
    private var fullAt: Instant?
    /// The last time that was promised to somebody.
    private var promised: Instant?

    /// No promise is further away: whoever was sent away also finds out when the crowd has gone.
    static let longestPromise = Duration.minutes(5)

    /// - Parameter perSecond: positive, as `ForeignService.problems` checks.
    init(perSecond: Double) {
        interval = .seconds(1 / perSecond)
        headStart = max(.zero, .seconds(1) - interval)
    }

    /// When there is, or at the earliest was, a token for somebody behind so many others.
    func readyAt(behind others: Int, now: Instant) -> Instant {
        max(fullAt ?? now, now) + interval * others - headStart
    }

    func isReady(at now: Instant) -> Bool {
        readyAt(behind: 0, now: now) <= now
    }

    mutating func take(at now: Instant) {
        fullAt = max(fullAt ?? now, now) + interval
    }

    /// A time to come back for somebody who does not wait. Each is one token later than the one before, so that a
    /// backlog comes back as fast as it can be served and no faster. Nothing is kept for them.
    mutating func promise(behind others: Int, now: Instant) -> Instant {
        let ready = readyAt(behind: others, now: now)
        let next = min(max(promised.map { $0 + interval } ?? ready, ready), now + Self.longestPromise)
        promised = next
        return next
    }
}
