import Logging
import ServiceLifecycle
import Waymark

/// How a background service paces itself.
public struct Pace: Sendable {
    /// The pause after a round that found nothing; each one is drawn between half and all of it, so that many processes do
    /// not ask in step.
    public var idle: Duration
    /// The ceiling of the pause after failed rounds, which doubles from `idle` up to it.
    public var longestPause: Duration
    /// The share of its time that the service works while there is more to do, above 0; the rest is the foreground's.
    public let share: Double

    /// - Parameter share: more than 0, and 1 at most.
    public init(idle: Duration, longestPause: Duration = .seconds(10), share: Double = 1) {
        precondition(share > 0 && share <= 1, "a service works for some of its time, and for no more than all of it")
        self.idle = idle
        self.longestPause = longestPause
        self.share = share
    }

    /// How long to pause after `failures` rounds in a row that failed (0: the last round went well, and found nothing).
    func pause(failures: Int) -> Duration {
        let doubled = idle.inSeconds * Double(1 << min(failures, 16))
        let ceiling = failures == 0 ? idle.inSeconds : min(doubled, longestPause.inSeconds)
        return .seconds(Double.random(in: ceiling / 2...ceiling))
    }

    /// How long to pause after a round that took so long, and left something.
    func pause(after round: Duration) -> Duration { min(round * (1 / share - 1), longestPause) }

    /// Pauses; returns at once when cancelled or shut down gracefully.
    func rest(_ pause: Duration) async {
        if pause <= .zero { return }
        try? await cancelWhenGracefulShutdown { try await Task.sleep(for: pause) }
    }

    /// Runs bounded rounds until cancelled or shut down gracefully: for its share of the time while there is more, paced
    /// otherwise.
    /// - Parameter round: true when it found as much as it can take, so that there may be more.
    func repeatRounds(logger: Logger, _ round: () async throws -> Bool) async {
        var failures = 0
        while !Task.isShuttingDownGracefully, !Task.isCancelled {
            do {
                let start = ContinuousClock.now
                let isMore = try await round()
                failures = 0
                await rest(isMore ? pause(after: .now - start) : pause(failures: 0))
            } catch {
                failures += 1
                logger.warning("round failed", metadata: ["error": .string(Runner.text(of: error))])
                await rest(pause(failures: failures))
            }
        }
    }
}
