import ForeignServices
import Foundation
import PostgresPQ
public import Waymark

/// Opens an account, after time to think again, an identity check, and a person's review.
///
/// Declined, or without proof of identity, it is rejected, and the application closed. Not reviewed in time it expires,
/// which is an answer like any other. Whoever is approved gets a welcome pack, for whose sending nobody waits, and a
/// gift where they asked for one.
public struct OpenAccount: Saga {
    public static let name = "open-account"
    let carrier: Carrier
    let coolingOff: Duration
    let reviewTime: Duration

    public var body: some Step<AccountApplication, AccountAnswer> {
        AtomicPhase("application_filed", file)
            .compensate(close)
        Sleep("cooling_off_passed", for: coolingOff)
        // The proof is on record with the check.
        Child("identity_checked", CheckIdentity.self, request: IdentityClaim.init) {
            (application: FiledApplication, _: IdentityProof) in application
        }
        WaitFor("reviewed", event: Review.self, timeout: reviewTime, Decided.init)
        Choose("decision_taken", by: \Decided.decision) { decision in
            switch decision {
            case .approved:
                AtomicPhase("account_opened", open)
                ForeignCall("gift_sent", .keyed(horizon: .hours(24), replaysAnswers: true), sendGift)
                    .when(\OpenedAccount.application.request.gift)
                    .through(Carrier.service)
                    .retry(.exponential(attempts: 10))
                    .orElse { $0 }
                AtomicPhase("account_confirmed", confirm)
            case .declined:
                AtomicPhase("application_declined", decline)
            case .expired:
                AtomicPhase("application_expired", expire)
            }
        }
    }

    func file(_ request: AccountApplication, _ tx: Transaction) async throws -> FiledApplication {
        let id = UUID()
        try await tx.execute(
            """
            INSERT INTO onboarding.applications (id, key_id, incarnation, name, email, address, bank_account)
            VALUES (\(id), \(tx.key.id), \(tx.key.incarnation), \(request.name), \(request.email), \(request.address), \(request.account))
            """)
        return FiledApplication(id: id, request: request)
    }

    func close(_ application: FiledApplication, _ tx: Transaction) async throws {
        try await set("closed", application, tx)
    }

    /// The account, and the saga that sends its welcome pack: both or neither.
    func open(_ decided: Decided, _ tx: Transaction) async throws -> OpenedAccount {
        let (application, account) = (decided.application, UUID())
        try await set("approved", application, tx)
        try await tx.execute(
            "INSERT INTO onboarding.accounts (id, application_id) VALUES (\(account), \(application.id))")
        try await tx.start(
            SendWelcomePack.self, key: IdempotencyKey("welcome \(application.id)"),
            request: WelcomePack(name: application.request.name, email: application.request.email))
        return OpenedAccount(application: application, account: account, gift: nil)
    }

    /// A gift that the carrier does not carry to this address is none: that is no reason to refuse the account.
    func sendGift(_ opened: OpenedAccount, _ call: Call) async throws -> OpenedAccount {
        var opened = opened
        do {
            opened.gift = try await carrier.book(
                .parcel, reference: "gift \(opened.application.id)", description: opened.application.request.address,
                idempotencyKey: call.idempotencyKey)
        } catch is Rejection {
            opened.gift = nil
        }
        return opened
    }

    func confirm(_ opened: OpenedAccount, _ tx: Transaction) async throws -> AccountAnswer {
        try await tx.execute("UPDATE onboarding.accounts SET gift_id = \(opened.gift) WHERE id = \(opened.account)")
        return AccountAnswer(
            application: opened.application.id, decision: .approved, account: opened.account, gift: opened.gift)
    }

    func decline(_ decided: Decided, _ tx: Transaction) async throws -> AccountAnswer {
        throw Rejection(
            status: 403, type: "application_declined", title: "The application was declined.")
    }

    func expire(_ decided: Decided, _ tx: Transaction) async throws -> AccountAnswer {
        try await set("expired", decided.application, tx)
        return AccountAnswer(application: decided.application.id, decision: .expired, account: nil, gift: nil)
    }

    private func set(_ state: String, _ application: FiledApplication, _ tx: Transaction) async throws {
        try await tx.execute("UPDATE onboarding.applications SET state = \(state) WHERE id = \(application.id)")
    }
}
