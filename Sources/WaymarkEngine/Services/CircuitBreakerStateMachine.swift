import Waymark

/// Whether a service that failed is called again. It reads no clock: instants are passed in.
///
/// Closed until so many calls in a row have failed; then open, with one probe let through after each pause.
struct CircuitBreakerStateMachine {
    typealias Instant = ContinuousClock.Instant

    enum State: Equatable {
        /// Calls go through; so many in a row have failed.
        case closed(failures: Int)
        /// No call goes through before this time. The first one after it is a probe, which sets the time anew: a probe
        /// that never ends does not keep the breaker open for ever.
        case open(until: Instant)
    }

    let limits: ForeignService.CircuitBreaker
    private(set) var state = State.closed(failures: 0)
    /// How long it stays open, doubled by each probe that fails.
    private(set) var pause: Duration
    /// Goes up when it opens and when it closes: how a call ended that began before says nothing about now.
    private var generation = 0

    init(_ limits: ForeignService.CircuitBreaker) {
        self.limits = limits
        pause = limits.pause
    }

    /// For how long no call goes through; `nil` when one does now.
    func remaining(at now: Instant) -> Duration? {
        guard case .open(let until) = state, until > now else { return nil }
        return now.duration(to: until)
    }

    /// Lets a call through.
    /// - Returns: what to ``record(_:of:now:)`` its outcome with.
    mutating func admit(now: Instant) -> Int {
        precondition(remaining(at: now) == nil, "an open breaker lets nothing through before its time")
        if case .open = state { state = .open(until: now + pause) }
        return generation
    }

    mutating func record(_ outcome: ServiceOutcome, of generation: Int, now: Instant) {
        guard generation == self.generation else { return }
        switch (state, outcome) {
        case (.closed, .success):
            state = .closed(failures: 0)
        case (.closed(let failures), .failure) where failures + 1 < limits.failures:
            state = .closed(failures: failures + 1)
        case (.closed, .failure):
            self.generation += 1
            state = .open(until: now + pause)
        case (.open, .success):
            self.generation += 1
            pause = limits.pause
            state = .closed(failures: 0)
        case (.open, .failure):
            pause = min(pause * 2, limits.longestPause)
            state = .open(until: now + pause)
        case (_, .neither):
            break
        }
    }
}
