import Foundation
import Subprocess
import Testing
import WaymarkTesting

@testable import chaos

/// The chaos of `scripts/chaos`, for some seconds.
@Suite struct ChaosTests {
    /// The pace of a machine that is busy with other tests tells nothing: only that there is one again does.
    private static let arguments = [
        "--minutes", "0.05", "--clients", "24", "--think-ms", "400", "--recovery-seconds", "60", "--least-sagas", "20",
    ]

    @Test(.timeLimit(.minutes(3)))
    func nothingIsLostDuplicatedOrAnsweredWrongly() async throws {
        let seed = UInt64.random(in: 1..<(1 << 53))
        let ended = try await TestProcess.with("chaos", Self.arguments + ["--seed", "\(seed)"], database: "") { chaos in
            try await eventually("the chaos is over", within: .seconds(120)) {
                chaos.log.contains("recovered ")
            }
            try await chaos.ended()
        }
        let line = ended.log.split(separator: "\n").last ?? ""
        #expect(line.contains("lost 0  duplicated 0  wrong answers 0  recovered "), "\(ended.log)")
        // The other tests that run beside it may take the pace away for longer than it is waited for.
        if !line.contains("recovered not in") { #expect(ended.status == .exited(0), "\(ended.log)") }
    }

    /// A run in which too little happened is none.
    @Test func aRunThatReachesTooLittleFails() {
        let reach = Schedule(minutes: 10, recoverySeconds: 10).reach
        #expect(reach == .full && reach.missing(from: .full).isEmpty)
        let shortfalls: [WritableKeyPath<Schedule.Reach, Int>] = [\.sagas, \.kills, \.postgresStops, \.cuts]
        for shortfall in shortfalls {
            var reached = Schedule.Reach.full
            reached[keyPath: shortfall] -= 1
            #expect(reach.missing(from: reached).count == 1)
        }
        let share = Schedule(minutes: 0.05, recoverySeconds: 10).reach
        #expect(share == Schedule.Reach(sagas: 100, kills: 1, postgresStops: 1, cuts: 2))
    }

    /// One burst of answers is no pace, and neither is silence.
    @Test func aPaceThatDoesNotComeBackIsNoRecovery() async throws {
        let schedule = Schedule(minutes: 0.05, recoverySeconds: 1)
        let records = Records()
        var random = SeededGenerator(seed: 1)
        for number in 0..<100 {
            let order = Order(key: "\(number)", using: &random)
            records.begin(order)
            records.note(Records.Heard(status: 201, body: Data(), isParked: false), to: order)
        }
        let recovery = try await Recovery.watch(
            records, before: 50, healedAt: .now - .milliseconds(10), schedule: schedule, window: .milliseconds(100))
        #expect(recovery.time == nil)
        #expect(recovery.paces.first?.first ?? 0 > 50 && recovery.paces.first?.last == 0)
    }
}
