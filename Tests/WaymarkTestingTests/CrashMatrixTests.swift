import Foundation
import Testing
import Waymark
import WaymarkTesting

@Suite struct CrashMatrixTests {
    private let order = Purchase.Order(item: "book")

    @Test func aSoundSagaPasses() async throws {
        let report = try await Purchase.matrix(Purchase(payments: RecordingService("payments"))).run(order)
        print(report)
        #expect(report.untouched.isEmpty)
        #expect(report.cells.filter { !$0.isStruck }.isEmpty)
        // Both commits of a phase, the foreign call and its result, each in either role.
        for role in CrashRole.allCases {
            let boundaries = try #require(report.boundaries[role])
            #expect(boundaries.contains { $0.kind == .statement && $0.step == "sold" && $0.text == "COMMIT" })
            #expect(boundaries.contains { $0.kind == .answer && $0.step == "sold" && $0.text == "COMMIT" })
            #expect(boundaries.contains { $0.kind == .effect && $0.text == "payments charge" })
            #expect(Set(report.cells.filter { $0.role == role }.map(\.fault)) == Set(CrashFault.allCases))
        }
    }

    /// Where a process went on with more than it had stored, an undisturbed run would note it and find its row, and one after
    /// a crash would not.
    @Test func whatIsNotStoredMakesNoDifferenceAfterACrash() async throws {
        var matrix = CrashMatrix(TakeSlot(), script: TakeSlot.script)
        matrix.faults = [.crash, .answerLost]
        let report = try await matrix.run(TakeSlot.Slot(at: Date(timeIntervalSince1970: 1_700_000_000.123456)))
        #expect(report.cells.filter { !$0.isStruck }.isEmpty)
    }

    @Test func aCounterBesideTheGuardIsCaught() async throws {
        let counter = RecordingService("counter")
        var saga = Purchase(payments: RecordingService("payments"))
        saga.aside = { try await counter.perform("increment", key: nil) }
        let report = try await violations(of: saga)
        #expect(report.violations.contains { $0.fault == .crash && $0.boundary.text == "COMMIT" })
        #expect(report.violations.allSatisfy { $0.violations.description.contains("increment") })
        #expect(!report.violations.contains { $0.role == .completionist }, "the counter's phase was behind then")
    }

    @Test func aForeignKeyThatIsDrawnIsCaught() async throws {
        var saga = Purchase(payments: RecordingService("payments"))
        saga.key = { _ in UUID().uuidString }
        try await isChargedTwice(saga)
    }

    @Test func aForeignKeyWithATimeInItIsCaught() async throws {
        var saga = Purchase(payments: RecordingService("payments"))
        saga.key = { "\($0.idempotencyKey) \(Date.now.timeIntervalSince1970)" }
        try await isChargedTwice(saga)
    }

    private func isChargedTwice(_ saga: Purchase) async throws {
        let report = try await violations(of: saga)
        let lost = try #require(report.violations.first { $0.fault == .answerLost })
        #expect(lost.violations.description.contains("foreign effects: "))
        #expect(report.violations.contains { $0.role == .completionist })
        // What does not come near the call goes well.
        #expect(report.cells.contains { $0.violations.isEmpty && $0.fault == .crash })
    }

    private func violations(of saga: Purchase) async throws -> CrashReport {
        var matrix = Purchase.matrix(saga)
        matrix.faults = [.crash, .answerLost]
        do {
            try await matrix.run(order, stopAfter: .max)
        } catch let found as CrashViolations {
            #expect(found.description.contains("✗"))
            return found.report
        }
        throw ConditionNotMet(description: "the matrix has found nothing")
    }
}
