import PostgresPQ
import Staging
import Synchronization
import WaymarkTesting

/// Deals the blows: each kind in a lane of its own, so that one that takes long delays no other.
///
/// The seed decides every choice, not what the machine makes of it.
final class Blows: Sendable {
    /// What was done.
    struct Record: Sendable {
        var kills: [String: Int] = [:]
        var freezes = 0
        var postgresStops = 0
        var terminatedBackends = 0
        var lineFaults = 0

        var killed: Int { kills.values.reduce(0, +) }
    }

    let stage: Stage
    let network: Network
    let seed: UInt64
    let end: ContinuousClock.Instant
    /// From one stop of PostgreSQL to the next.
    let peace: ClosedRange<Duration>
    private let state = Mutex(Record())

    /// - Parameter duration: from now on; a blow that was begun is ended, and what it struck is up again.
    init(stage: Stage, network: Network, seed: UInt64, duration: Duration) {
        self.stage = stage
        self.network = network
        self.seed = seed
        end = .now + duration
        // A short run is struck too.
        let (shortest, longest) = (Self.postgresPeace.lowerBound, Self.postgresPeace.upperBound)
        peace = min(shortest, duration / 3)...max(shortest, min(longest, duration / 3))
    }

    /// What was done so far.
    var record: Record { state.withLock { $0 } }

    func note(_ change: (inout Record) -> Void) { state.withLock { change(&$0) } }

    /// Deals blows until the time is over, one last that strikes everything, and returns when all is up again.
    func run() async throws {
        let connectionString = try await stage.connectionString
        try await withPostgres(connectionString, connections: 1) { postgres in
            try await withThrowingDiscardingTaskGroup { group in
                group.addTask { try await self.kill() }
                group.addTask { try await self.freeze() }
                group.addTask { try await self.stopPostgres() }
                group.addTask { try await self.terminateBackends(postgres) }
                for (index, system) in Network.System.allCases.enumerated() {
                    group.addTask { try await self.cut(system, stream: 10 + UInt64(index)) }
                }
            }
        }
        for line in network.lines() { line.proxy.clearRules() }
        try await strikeEverything()
    }

    /// Waits, but not beyond the end.
    /// - Returns: Whether there is time for another blow.
    func pause(_ duration: Duration) async throws -> Bool {
        try await Task.sleep(until: min(.now + duration, end), clock: .continuous)
        return .now < end
    }

    func random(stream: UInt64) -> SeededGenerator { SeededGenerator(seed: seed, stream: stream) }
}

extension SeededGenerator {
    /// Any duration between two.
    mutating func duration(_ range: ClosedRange<Duration>) -> Duration {
        range.lowerBound + (range.upperBound - range.lowerBound) * Double.random(in: 0...1, using: &self)
    }
}
