import Foundation
import Synchronization
import Testing
import Waymark
import WaymarkEngine
import WaymarkTesting

/// Takes Waymark's guards away, one at a time, from the statements on their way to the database: the matrix must find that
/// each is missed. See docs/guards.md.
@Suite struct RemovedGuardTests {
    /// A guard, and how statements look without it.
    struct Guard: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let pattern: String
        let replacement: String
        /// What the matrix says of its absence.
        let symptom: String
    }

    static let guards = [
        // `OR true` leaves the parameter its type.
        Guard(
            testDescription: "fence", pattern: #"fence = (\$\d+)"#, replacement: "(fence = $1 OR true)",
            symptom: "committed by a process that had lost the key"),
        Guard(
            testDescription: "a guard that finds no row fails", pattern: "SELECT 1/count", replacement: "SELECT count",
            symptom: "public.sales"),
    ]

    @Test(arguments: guards) func isMissed(_ guarded: Guard) async throws {
        var matrix = Purchase.matrix(Purchase(payments: RecordingService("payments")))
        matrix.faults = [.zombie, .overtaken, .connectionLost]
        let removed = Removal(guarded.pattern, guarded.replacement)
        matrix.rewrite = removed.rewrite
        let report = try await matrix.report(Purchase.Order(item: "book"))
        print("without \(guarded.testDescription): \(report.summary)")
        #expect(removed.count > 0, "no statement has the guard")
        #expect(report.violations.contains { $0.violations.description.contains(guarded.symptom) })
    }

    /// The payment service forgets keys after a day, and a request is taken over later than that.
    @Test(arguments: [false, true]) func theHorizonIsMissed(isRemoved: Bool) async throws {
        let payments = RecordingService("payments", remembering: .hours(24))
        var matrix = Purchase.matrix(Purchase(payments: payments)).outside { scene in
            if payments.count(of: "charge") > 0 { try await scene.clock.advance(by: .hours(25)) }
        }
        matrix.faults = [.crash]
        matrix.acceptedParkings = [.horizonPassed]
        let removed = Removal(
            #"extract\(epoch FROM k\.locked_at\)::float8 - extract\(epoch FROM k\.progressed_at\)"#, "0")
        if isRemoved { matrix.rewrite = removed.rewrite }
        let report = try await matrix.report(Purchase.Order(item: "book"))
        print("horizon removed \(isRemoved): \(report.summary)")
        #expect(removed.count > 0 || !isRemoved)
        #expect(report.violations.isEmpty != isRemoved, "\(report)")
        #expect(report.violations.allSatisfy { $0.violations.description.contains("foreign effects: ") })
    }

    /// A process that stood still after it had begun a call looks at its lease before it makes it: with a clock that stood
    /// still too it sees nothing.
    @Test(arguments: [false, true]) func theLookAtTheLeaseIsMissed(isRemoved: Bool) async throws {
        var matrix = CrashMatrix(Payout(bank: RecordingService("bank")))
        matrix.faults = [.zombie]
        if isRemoved { matrix.processClock = { _ in .system } }
        let report = try await matrix.report(Payout.Order(amount: 5))
        print("lease before a call removed \(isRemoved): \(report.summary)")
        #expect(report.violations.isEmpty != isRemoved, "\(report)")
        #expect(report.violations.allSatisfy { $0.violations.description.contains("foreign effects: ") })
    }
}

/// Takes something out of statements, and counts from how many.
private final class Removal: Sendable {
    private let pattern: String
    private let replacement: String
    private let removed = Mutex(0)

    init(_ pattern: String, _ replacement: String) {
        self.pattern = pattern
        self.replacement = replacement
    }

    var count: Int { removed.withLock(\.self) }

    var rewrite: @Sendable (String) -> String {
        { [self] statement in
            let without = statement.replacingOccurrences(of: pattern, with: replacement, options: .regularExpression)
            if without != statement { removed.withLock { $0 += 1 } }
            return without
        }
    }
}
