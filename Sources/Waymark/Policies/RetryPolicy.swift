/// How often a step that failed transiently is tried, and how long to wait in between.
///
/// Attempts count per recovery point, over every process that ever held the key; progress sets them back. When they
/// are used up, the request is parked in front of a person unless the step declares something else. Delays have full
/// jitter (uniform between zero and the step's ceiling), after Marc Brooker's "Exponential Backoff And Jitter", AWS 2015.
public struct RetryPolicy: Sendable, Hashable {
    /// How many times the step may be tried in all, the first one included.
    public let attempts: Int
    /// The ceiling of the first delay.
    public let base: Duration
    /// The ceiling that no delay exceeds, unless the foreign system asked for more by Retry-After.
    public let cap: Duration
    /// How long after the previous recovery point a further attempt may begin; nil for as long as there are attempts.
    public let elapsed: Duration?
    private let multiplier: Double

    /// Delays whose ceiling doubles from `base` up to `cap`. The default goes on for about an hour and a half: an outage of
    /// a foreign system is commonly over by then, and parking wants a person.
    public static func exponential(
        attempts: Int = 100, base: Duration = .milliseconds(200), cap: Duration = .minutes(2),
        within elapsed: Duration? = nil
    ) -> RetryPolicy {
        RetryPolicy(attempts: attempts, base: base, cap: cap, elapsed: elapsed, multiplier: 2)
    }

    /// Delays that all have the same ceiling.
    public static func fixed(attempts: Int, every delay: Duration, within elapsed: Duration? = nil) -> RetryPolicy {
        RetryPolicy(attempts: attempts, base: delay, cap: delay, elapsed: elapsed, multiplier: 1)
    }

    /// One attempt, no second one.
    public static let none = RetryPolicy(attempts: 1, base: .zero, cap: .zero, elapsed: nil, multiplier: 1)

    /// The longest that a foreign system's Retry-After is honoured: an absurd value must not hide a key for ever.
    static let longestRetryAfter: Duration = .hours(1)

    /// Whether a further attempt after the one numbered `attempt` may begin `sincePoint` after the previous recovery point.
    package func allowsAttempt(after attempt: Int, sincePoint: Duration) -> Bool {
        attempt < attempts && sincePoint <= elapsed ?? sincePoint
    }

    /// How long to wait after the attempt numbered `attempt` (from 1) failed.
    /// - Parameter retryAfter: what the foreign system asked for; the delay is never shorter than it (up to an hour).
    package func delay(
        afterAttempt attempt: Int, retryAfter: Duration?, using generator: inout some RandomNumberGenerator
    ) -> Duration {
        // 2^40 milliseconds are 34 years: enough for any cap, and no overflow.
        let doublings = min(max(attempt, 1) - 1, 40)
        let factor = multiplier > 1 ? Double(1 << doublings) : 1
        let ceiling = min(cap.inSeconds, base.inSeconds * factor)
        let jittered = Duration.seconds(ceiling > 0 ? Double.random(in: 0...ceiling, using: &generator) : 0)
        guard let retryAfter else { return jittered }
        return max(jittered, min(retryAfter, Self.longestRetryAfter))
    }
}
