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

    public init(idle: Duration, longestPause: Duration = .seconds(10)) {
        self.idle = idle
        self.longestPause = longestPause
    }

    /// How long to pause after `failures` rounds in a row that failed (0: the last round went well, and found nothing).
    func pause(failures: Int) -> Duration {
        let doubled = idle.inSeconds * Double(1 << min(failures, 16))
        let ceiling = failures == 0 ? idle.inSeconds : min(doubled, longestPause.inSeconds)
        return .seconds(Double.random(in: ceiling / 2...ceiling))
    }

    /// Pauses; returns at once when cancelled or shut down gracefully.
    func rest(failures: Int) async {
        try? await cancelWhenGracefulShutdown { try await Task.sleep(for: pause(failures: failures)) }
    }

    /// Runs bounded rounds until cancelled or shut down gracefully: at once again while there is more, paced otherwise.
    /// - Parameter round: true when it found as much as it can take, so that there may be more.
    func repeatRounds(logger: Logger, _ round: () async throws -> Bool) async {
        var failures = 0
        while !Task.isShuttingDownGracefully, !Task.isCancelled {
            do {
                let isMore = try await round()
                failures = 0
                if isMore { continue }
            } catch {
                failures += 1
                logger.warning("round failed", metadata: ["error": .string(Runner.text(of: error))])
            }
            await rest(failures: failures)
        }
    }
}
