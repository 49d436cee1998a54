/// A foreign system that steps call, and the limits of calling it.
///
/// ```swift
/// static let stripe = ForeignService(
///     "stripe", maxConcurrent: 20, perSecond: 50, breaker: .init(failures: 5, pause: .seconds(10)))
/// ```
/// Limits are per process: three processes together make up to three times as many calls. A limit that is `nil` does
/// not limit.
public struct ForeignService: Sendable, Hashable {
    /// 1 to 80 characters of a-z, 0-9, _ and -. Two services of one name must have the same limits.
    public let name: String
    /// The most calls that one process has under way at once.
    public let maxConcurrent: Int?
    /// The most calls that one process begins per second, on average. After a lull those of one second, at least one,
    /// may begin together. From one a day to 1,000,000.
    public let perSecond: Double?
    /// When a process stops calling a service that only fails.
    public let breaker: CircuitBreaker?

    public init(
        _ name: String, maxConcurrent: Int? = nil, perSecond: Double? = nil, breaker: CircuitBreaker? = nil
    ) {
        self.name = name
        self.maxConcurrent = maxConcurrent
        self.perSecond = perSecond
        self.breaker = breaker
    }

    /// Stops calling a service that fails, and asks it now and then whether it works again. Each process has its own.
    ///
    /// After Michael Nygard's "Release It!", 2007: so many failures in a row open it, and no call is made; after a pause
    /// one call goes through as a probe. Its success closes the breaker, its failure doubles the pause. A rejection is
    /// an answer, so it counts as a success.
    public struct CircuitBreaker: Sendable, Hashable {
        /// How many calls in a row must fail to open it.
        public let failures: Int
        /// How long no call is made after it opened; also how long a probe may take before another one is made.
        public let pause: Duration
        /// What the pause doubles up to while probes fail; an hour at most.
        public let longestPause: Duration

        public init(failures: Int, pause: Duration, longestPause: Duration = .minutes(2)) {
            self.failures = failures
            self.pause = pause
            self.longestPause = longestPause
        }
    }
}
