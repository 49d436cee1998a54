import Foundation
import Subprocess
import Testing
import WaymarkTesting

/// A real orchestrator that books a ride is killed with SIGKILL, or stopped with SIGSTOP until others have booked it, at
/// each boundary between it and the world: the executable as it ships, and nothing in it for the sake of this test.
///
/// `scripts/crash-matrix` takes every boundary; otherwise a few are drawn.
@Suite struct ProcessMatrixTests {
    /// How many boundaries of each kind of fault are taken unless all are.
    private static let sample = 3
    /// Rides that are booked at the same time.
    private static let concurrency = 3

    @Test func aRideIsBookedOnceWhereverItsProcessDies() async throws {
        let environment = ProcessInfo.processInfo.environment
        let seed = environment["WAYMARK_TEST_SEED"].flatMap(UInt64.init) ?? .random(in: 0...UInt64(UInt32.max))
        print("seed \(seed)")
        try await ProcessStage.with { stage in
            let boundaries = try await stage.rehearse()
            #expect(Set(boundaries.map(\.kind)) == Set(CrashBoundary.Kind.allCases))
            var generator = SeededGenerator(seed: seed)
            let isComplete = environment["WAYMARK_TEST_MATRIX"] == "complete"
            let cells = [CrashFault.crash, .zombie].flatMap { fault in
                let taken = isComplete ? boundaries : Array(boundaries.shuffled(using: &generator).prefix(Self.sample))
                return taken.map { ProcessStage.Cell(boundary: $0, fault: fault) }
            }
            let reached = try await withThrowingTaskGroup(of: Bool.self) { group in
                var left = cells[...]
                var reached = 0
                for _ in 0..<Self.concurrency {
                    if let cell = left.popFirst() { group.addTask { try await stage.perform(cell) } }
                }
                for try await isReached in group {
                    reached += isReached ? 1 : 0
                    if let cell = left.popFirst() { group.addTask { try await stage.perform(cell) } }
                }
                return reached
            }
            #expect(reached == cells.count, "every fault came about")
            let duplicates = try await stage.check(rides: cells.count + 1)
            print(
                """
                saga book-ride  boundaries \(boundaries.count)  SIGKILL \(cells.count { $0.fault == .crash })  \
                SIGSTOP \(cells.count { $0.fault == .zombie })  duplicate charges \(duplicates)  seed \(seed)
                """)
        }
    }
}
