import Simulation
import Testing

/// Each guard of the model by itself: without it, the simulation finds what it is for. A simulation that does not notice
/// would show nothing.
///
/// Between two seeds others get their turn: tests share a thread for each processor, and one that keeps it for minutes has
/// the others run into their bounds.
@Suite(.serialized) struct GuardTests {
    /// Several times what the others need.
    private static let seeds: UInt64 = 20_000
    /// Where it showed last that the rarest of all is missing: looked at first, since the way there takes minutes.
    private static let lastSeen: [String: UInt64] = ["attempts rise": 21_921]
    private static let shown = Guards.names.filter { !Guards.rare.contains($0.guard) }.map(\.name)

    @Test(arguments: shown) func isMissed(_ name: String) async throws {
        let missing = try #require(Guards.names.first { $0.name == name }?.guard)
        let lastSeen = Self.lastSeen[name].map { [$0] } ?? []
        for seed in lastSeen + Array(1...Self.seeds) {
            await Task.yield()
            let simulation = Simulation(seed: seed, guards: Guards.all.subtracting(missing))
            guard let violation = simulation.violation else { continue }
            print("without \(name): seed \(seed), \(violation)")
            return
        }
        Issue.record("nothing is broken without it in \(Self.seeds) seeds")
    }
}
