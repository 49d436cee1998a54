import PostgresPQ
import Testing
import Waymark
import WaymarkTesting

@testable import Withdrawal

/// The saga in this process, against the real sandbox.
@Suite struct WithdrawFundsTests {
    @Test func paysOutAndBooks() async throws {
        try await World.with { world in
            let payout = try #require(try await world.withdraw(2500).response)
            #expect(payout.amount == 2500 && payout.currency == "eur" && payout.bankID.hasPrefix("wd_"))
            #expect(try await world.account() == [97_500, 0])
            let jobs = try await world.database.client.query("SELECT name, payload ->> 'to' FROM waymark.jobs")
            #expect(try jobs.decode((String, String).self).map(\.1) == [World.owner])
            #expect(try await world.books().withdrawals == 1)
        }
    }

    @Test func aKeyThatWasRemovedAndComesAgainIsAnotherWithdrawal() async throws {
        try await World.with { world in
            let first = try #require(try await world.withdraw(100).response)
            try await world.database.client.execute("DELETE FROM waymark.keys")
            let second = try #require(try await world.withdraw(100).response)
            #expect(second.bankID != first.bankID)
            #expect(try await world.account() == [99_800, 0])
        }
    }

    @Test func whatIsNotCoveredIsRefusedAndTheBankNotAsked() async throws {
        try await World.with { world in
            for (number, account) in ["acc_1", "acc_2", "acc_of_nobody"].enumerated() {
                let outcome = try await world.withdraw(100_001, from: account, key: "k\(number)")
                #expect(outcome.rejection?.status == 402 && outcome.rejection?.body.contains("not_covered") == true)
            }
            #expect(try await world.account() == [100_000, 0])
            #expect(try await world.books().withdrawals == 0)
        }
    }

    /// What is promised to one withdrawal does not cover another.
    @Test func reservationsAreNotSpentTwice() async throws {
        try await World.with { world in
            try await world.database.client.execute(
                "UPDATE withdrawal.accounts SET reserved = 99000 WHERE id = 'acc_1'")
            #expect(try await world.withdraw(1001, key: "k1").rejection?.status == 402)
            #expect(try await world.withdraw(1000, key: "k2").response?.amount == 1000)
            #expect(try await world.account() == [99_000, 99_000])
        }
    }

    @Test func theBanksRefusalGivesTheReservationBack() async throws {
        try await World.with { world in
            let rejection = try await world.withdraw(from: "empty_1").rejection
            #expect(rejection?.status == 402 && rejection?.body.contains("insufficient_funds") == true)
            #expect(try await world.account("empty_1") == [1000, 0])
            let states = try await world.database.client.query("SELECT state FROM withdrawal.withdrawals")
            #expect(try states.decode(String.self) == ["released"])
        }
    }

    /// Errors after the effect, and connections that close before it or after it.
    @Test func lostAnswersAreLookedUp() async throws {
        try await World.with(["--error-after-rate", "0.4", "--drop-rate", "0.4", "--seed", "7"]) { world in
            for number in 1...10 { #expect(try await world.withdraw(key: "k\(number)").response != nil) }
            let books = try await world.books()
            #expect(books.withdrawals == 10 && books.duplicateWithdrawals == 0)
            #expect(try await world.account() == [99_000, 0])
            #expect(try await world.journal().contains("withdrawn reconciled"))
        }
    }

    /// Nobody guesses: the amount stays reserved until a person has asked the bank.
    @Test func whatTheBankCannotTellParks() async throws {
        try await World.with(["--drop-rate", "1"]) { world in
            #expect(try await world.withdraw(from: "murky_1").parkedReason == .outcomeUnknown)
            #expect(try await world.account("murky_1") == [1000, 100])
            let parked = try await world.database.client.query(
                """
                SELECT recovery_point, parked_reason, last_error, state
                FROM waymark.keys AS k JOIN withdrawal.withdrawals AS w ON w.key_id = k.id
                """)
            let (point, reason, error, state) = try #require(parked.first).decode((String, String, String, String).self)
            #expect(point == "withdrawn:begun" && reason == "outcome_unknown" && state == "reserved")
            #expect(error.contains("ask the bank whether it paid reference"))
        }
    }

    /// A statement that cannot be had says nothing: it is asked for again, and nothing is ordered meanwhile.
    @Test func anOutageOfTheStatementIsWaitedOut() async throws {
        try await World.with(["--drop-rate", "1", "--statement-outage-rate", "1"]) { world in
            let withdrawal = Task { try await world.withdraw() }
            try await eventually("the statement is asked for again") { try await world.books().statementOutages > 1 }
            #expect(try await world.books().withdrawals <= 1)
            try await world.change(#"{"drop_rate": 0, "statement_outage_rate": 0}"#)
            #expect(try await withdrawal.value.response != nil)
            let books = try await world.books()
            #expect(books.withdrawals == 1 && books.duplicateWithdrawals == 0)
        }
    }
}
