import Foundation
import Testing
import Waymark
import WaymarkTesting

@testable import WaymarkEngine

@Suite struct ServiceGateRandomTests {
    /// Never too many at once, never too many in any time, always in order, nobody forgotten, no slot lost, and nobody
    /// waits while there is room.
    @Test func limitsHoldAndNobodyIsForgotten() throws {
        let given = ProcessInfo.processInfo.environment["WAYMARK_TEST_SEED"].flatMap { UInt64($0) }
        let seed = given ?? .random(in: .min ... .max)
        print("limitsHoldAndNobodyIsForgotten: WAYMARK_TEST_SEED=\(seed)")
        var seeds = SeededGenerator(seed: seed)
        var (admitted, notAdmitted) = (0, 0)
        for run in 0..<100 {
            var simulation = ServiceGateSimulation(random: SeededGenerator(seed: seeds.next()))
            simulation.run(steps: 300)
            let note: Comment = "run \(run) of seed \(seed): \(simulation.service)"
            try #require(simulation.failure == nil, note)
            try #require(simulation.ended.count == simulation.arrivals, note)
            try #require(isWithinRate(simulation.admissions, of: simulation.service), note)
            admitted += simulation.admissions.count
            notAdmitted += simulation.arrivals - simulation.admissions.count
        }
        #expect(admitted > 1_000 && notAdmitted > 1_000, "both must be common to be tested")
    }

    /// Whether no time between two admissions holds more than its share and a burst.
    private func isWithinRate(_ admissions: [ContinuousClock.Instant], of service: ForeignService) -> Bool {
        guard let rate = service.perSecond else { return true }
        return admissions.indices.allSatisfy { last in
            (0...last).allSatisfy { first in
                let seconds = admissions[first].duration(to: admissions[last]) / .seconds(1)
                return Double(last - first + 1) <= rate * seconds + max(1, rate) + 1e-6
            }
        }
    }
}
