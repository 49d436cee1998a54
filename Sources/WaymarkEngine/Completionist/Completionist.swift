import Logging
public import ServiceLifecycle
import Synchronization
import Waymark

/// Finds unfinished keys whose lease has lapsed or whose time has come, and has them finished. Any number of them, on any
/// machines.
///
/// It claims in bounded batches, oldest first, and leaves alone what this binary does not know: keys of other sagas, at
/// recovery points that no declaration here has, and of later versions. A saga of which several keys keep killing their
/// holders is kept apart: one of its keys is tried now and then, and the others' work goes on.
public final class Completionist: Service {
    public struct Configuration: Sendable {
        /// Keys driven at the same time. Most wait for a foreign system, so more than there are connections; and the more
        /// there are, the more of them share a transaction.
        public var concurrency = 128
        public var pace = Pace(idle: .milliseconds(500))

        public init() {}
    }

    /// What one round did.
    public struct Round: Sendable, Equatable {
        /// Keys taken over.
        public var claimed = 0
        /// Of those, keys that have their answer now.
        public var finished = 0
        /// Keys given back, to be tried again later.
        public var released = 0
        public var parked = 0
        /// Keys that another runner took, or that a lost database left behind.
        public var lost = 0

        mutating func count(_ conclusion: Conclusion) {
            switch conclusion {
            case .answered: finished += 1
            case .progress: released += 1
            case .parked: parked += 1
            case .lost, .exists, .beingAccepted, .mismatch, .stopping, .unreachable: lost += 1
            }
        }
    }

    let engine: Engine
    private let configuration: Configuration
    let quarantine = Quarantine()
    let looked = Mutex(Looked())

    /// How long places that come free are gathered before one claim fills them, while fewer than one part of them in
    /// `gatheredShare` are free: each claim is a commit of its own, and 5 ms are nothing to a key whose holder was silent
    /// for seconds.
    private static let gathering: Duration = .milliseconds(5)
    private static let gatheredShare = 4

    /// - Parameter orchestrator: runs the keys; it must run as a service too, since it renews their leases.
    public init(_ orchestrator: Orchestrator, configuration: Configuration = .init()) {
        engine = orchestrator.engine
        self.configuration = configuration
    }

    /// Claims one batch of due keys and drives each until it is finished, given back or parked.
    /// - Throws: `PostgresError` when no batch could be claimed.
    public func runOnce() async throws -> Round {
        let claimed = try await claim(limit: configuration.concurrency)
        var round = Round(claimed: claimed.rows.count)
        await withTaskGroup(of: Conclusion.self) { [engine] group in
            for row in claimed.rows { group.addTask { await engine.drive(row, claimedAt: claimed.at) } }
            for await conclusion in group { round.count(conclusion) }
        }
        return round
    }

    /// Claims and drives until cancelled or shut down gracefully. Claims again as soon as there is room, so one slow key
    /// holds up no other. After a failed claim it begins again with one key and doubles: after an outage everything is due
    /// at once, and the database is just back.
    public func run() async throws {
        let room = Room(configuration.concurrency)
        let gathered = max(configuration.concurrency / Self.gatheredShare, 1)
        await withDiscardingTaskGroup { [engine] group in
            var failures = 0
            var burst = configuration.concurrency
            while !engine.held.isStopping, !Task.isShuttingDownGracefully, !Task.isCancelled {
                let limit = min(await room.free(gathered, within: Self.gathering), burst)
                do {
                    let claimed = try await claim(limit: limit)
                    failures = 0
                    burst = min(burst * 2, configuration.concurrency)
                    room.take(claimed.rows.count)
                    for row in claimed.rows {
                        group.addTask {
                            _ = await engine.drive(row, claimedAt: claimed.at)
                            room.give()
                        }
                    }
                    if claimed.rows.count == limit { continue }
                } catch {
                    failures += 1
                    burst = 1
                    engine.logger.warning(
                        "no keys could be claimed", metadata: ["error": .string(Runner.text(of: error))])
                }
                await engine.dueNow.rest(configuration.pace.pause(failures: failures))
            }
            // The orchestrator may be told to stop before we are; whoever runs us takes an early end for a failure.
            try? await gracefulShutdown()
        }
    }
}
