import Foundation
import Simulation
import Testing

/// The protocol under everything that can go wrong. Between two seeds other tests get their turn, as in `GuardTests`.
@Suite struct SimulationTests {
    @Test func everySeedKeepsThePromises() async throws {
        let first = Seeds.first()
        var total = Tally()
        var sizes: [Int] = []
        for number in 0..<Seeds.count {
            await Task.yield()
            let simulation = Simulation(seed: first &+ UInt64(number))
            total.add(simulation.tally)
            sizes.append(simulation.tally.events)
            if let violation = simulation.violation {
                let history = Simulation.shortestHistory(seed: simulation.seed).joined(separator: "\n")
                Issue.record("seed \(simulation.seed): \(violation); the shortest history found:\n\(history)")
                return
            }
        }
        #expect(total.beyondBounds < Seeds.count / 500, "otherwise the runs above show little")
        sizes.sort()
        print("\(total)")
        print("events of a seed: \((0...4).map { sizes[($0 * (sizes.count - 1)) / 4] })")
    }
}

enum Seeds {
    static let count = 10_000

    /// Drawn anew for each run and printed, or taken from `WAYMARK_TEST_SEED` to repeat a run.
    static func first(_ test: String = #function) -> UInt64 {
        let given = ProcessInfo.processInfo.environment["WAYMARK_TEST_SEED"].flatMap { UInt64($0) }
        let seed = given ?? .random(in: 0..<1 << 32)
        print("\(test): WAYMARK_TEST_SEED=\(seed)")
        return seed
    }
}
