import Testing
import Waymark
import WaymarkTesting

@testable import Withdrawal

/// What the whole promise hangs on: how long the bank may still carry out an order that nobody waits for any more.
@Suite struct SettlingTests {
    /// The call gives up long before the bank acts.
    private static let timeout: Duration = .milliseconds(300)
    private static let slow = ["--delay-ms", "2000"]

    @Test func anOrderUnderWayIsWaitedFor() async throws {
        try await World.with(Self.slow) { world in
            let bank = world.bank(timeout: Self.timeout, processing: .seconds(5))
            #expect(try await world.withdraw(at: bank).response != nil)
            #expect(try await world.journal() == ["reserved", "withdrawn reconciled", "booked"])
            let books = try await world.books()
            #expect(books.withdrawals == 1 && books.duplicateWithdrawals == 0)
        }
    }

    /// Where less is declared than the bank takes, its statement's silence is believed too early, and it pays twice.
    @Test func lessThanTheBankTakesPaysTwice() async throws {
        try await World.with(Self.slow) { world in
            let bank = world.bank(timeout: Self.timeout, processing: .zero)
            // Booked, or parked because of what the statement shows by then.
            _ = try await world.withdraw(at: bank)
            try await eventually("the bank pays again") { try await world.books().duplicateWithdrawals == 1 }
        }
    }
}
