import Foundation
import PostgresPQ
import Testing
import Waymark
import WaymarkTesting

@testable import Onboarding

/// Every way through the opening of an account, with the real engine and the sandbox's services.
@Suite struct OpenAccountTests {
    @Test func anApprovedApplicantGetsAnAccountAndAWelcomePack() async throws {
        try await World.with { world in
            #expect(try await world.apply().recoveryPoint == "cooling_off_passed:asleep")
            #expect(
                try await world.ledger().contains(#""withdrawals":0"#),
                "no penny before the time to think again is over")
            try await world.coolOff()
            #expect(try await world.point() == "reviewed:waiting")
            #expect(try await world.texts("SELECT state FROM onboarding.identity_checks") == ["passed"])
            try await world.review("approved")
            try await world.finishDue()
            let answer = try #require(try await world.apply().response)
            #expect(answer.decision == .approved)
            #expect(answer.gift == nil)
            let accounts = try await world.database.client.query("SELECT id::text FROM onboarding.accounts")
            #expect(try accounts.decode(String.self) == [answer.account?.uuidString.lowercased()].compactMap(\.self))
            #expect(try await world.point("send-welcome-pack") == "finished")
            let ledger = try await world.ledger()
            for count in [#""withdrawals":1"#, #""messages":1"#, #""parcels":0"#] { #expect(ledger.contains(count)) }
        }
    }

    @Test func aKeyThatWasRemovedAndComesAgainIsAnotherApplication() async throws {
        try await World.with { world in
            for _ in 1...2 {
                #expect(try await world.apply().recoveryPoint == "cooling_off_passed:asleep")
                try await world.coolOff()
                #expect(try await world.point() == "reviewed:waiting")
                try await world.database.client.execute("DELETE FROM waymark.keys")
            }
            #expect(try await world.texts("SELECT state FROM onboarding.identity_checks") == ["passed", "passed"])
        }
    }

    /// A gift is sent only where it was asked for, and one that cannot be sent is no reason to refuse an account.
    @Test(arguments: [("1 Road", 1), ("forbidden island", 0)])
    func aGiftIsSentWhereTheCarrierGoes(address: String, parcels: Int) async throws {
        try await World.with { world in
            _ = try await world.apply(address: address, gift: true)
            // It is early, and kept.
            try await world.review("approved")
            try await world.coolOff()
            let answer = try #require(try await world.apply(address: address, gift: true).response)
            #expect(answer.decision == .approved)
            #expect((answer.gift != nil) == (parcels == 1))
            let gifts = try await world.texts("SELECT gift_id FROM onboarding.accounts WHERE gift_id IS NOT NULL")
            #expect(gifts == [answer.gift].compactMap(\.self))
            #expect(try await world.ledger().contains(#""parcels":\#(parcels)"#))
        }
    }

    @Test func aDeclinedApplicationIsClosed() async throws {
        try await World.with { world in
            _ = try await world.apply()
            try await world.coolOff()
            try await world.review("declined")
            try await world.finishDue()
            let rejection = try #require(try await world.apply().rejection)
            #expect(rejection.status == 403)
            #expect(rejection.body.contains("application_declined"))
            #expect(try await world.texts("SELECT state FROM onboarding.applications") == ["closed"])
            #expect(try await world.texts("SELECT id::text FROM onboarding.accounts") == [])
            #expect(try await world.ledger().contains(#""messages":0"#))
        }
    }

    @Test func withoutAReviewItExpires() async throws {
        try await World.with { world in
            _ = try await world.apply()
            try await world.coolOff()
            try await world.database.passTime()
            try await world.finishDue()
            let answer = try #require(try await world.apply().response)
            #expect(answer.decision == .expired)
            #expect(answer.account == nil)
            #expect(try await world.texts("SELECT state FROM onboarding.applications") == ["expired"])
        }
    }

    /// The child's rejection is the parent's.
    @Test func withoutProofOfIdentityItIsRefused() async throws {
        try await World.with { world in
            _ = try await world.apply(account: "empty_1")
            try await world.coolOff()
            let rejection = try #require(try await world.apply(account: "empty_1").rejection)
            #expect(rejection.status == 402)
            #expect(rejection.body.contains("insufficient_funds"))
            #expect(try await world.texts("SELECT state FROM onboarding.applications") == ["closed"])
            #expect(try await world.texts("SELECT state FROM onboarding.identity_checks") == ["failed"])
        }
    }

    /// The bank knows no keys: a penny whose draw was not answered is looked up, not drawn again.
    /// - Parameter seed: of 5 the first draw happens, of 6 it does not.
    @Test(arguments: ["5", "6"])
    func aPennyIsDrawnOnceFromABankThatLosesItsAnswers(seed: String) async throws {
        try await World.with(["--drop-rate", "1", "--seed", seed]) { world in
            _ = try await world.apply()
            try await eventually("the identity is checked") {
                try await world.database.passTime()
                try await world.finishDue()
                // Lets the settling time pass.
                try await world.database.client.execute(
                    """
                    UPDATE waymark.keys SET progressed_at = progressed_at - interval '1 minute'
                    WHERE recovery_point = 'penny_drawn:begun'
                    """)
                return try await world.point("check-identity") == "finished"
            }
            let ledger = try await world.ledger()
            #expect(ledger.contains(#","withdrawals":1}"#), "\(ledger)")
            #expect(ledger.contains(#""duplicate_withdrawals":0"#), "\(ledger)")
        }
    }
}
