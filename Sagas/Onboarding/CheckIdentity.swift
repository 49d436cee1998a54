import ForeignServices
import Foundation
import PostgresPQ
import Waymark

/// Who says that a bank account is theirs.
struct IdentityClaim: Codable, Sendable {
    let application: UUID
    let account: String

    init(_ application: FiledApplication) {
        self.application = application.id
        account = application.request.account
    }
}

/// The bank's id of the withdrawal that proves it.
struct IdentityProof: Codable, Sendable {
    let withdrawal: String
}

/// Proves that a bank account is there by drawing a penny from it.
///
/// The bank knows no idempotency keys, so a draw whose answer was lost is not made again before the bank's statement says
/// that it did not happen.
struct CheckIdentity: Saga {
    static let name = "check-identity"
    let bank: Bank

    var body: some Step<IdentityClaim, IdentityProof> {
        AtomicPhase("check_recorded", record)
            .compensate(fail)
        ForeignCall("penny_drawn", .atMostOnce(settling: .seconds(10), reconcile: findPenny), drawPenny)
            .timeout(.seconds(10))
        AtomicPhase("check_passed", pass)
    }

    func record(_ claim: IdentityClaim, _ tx: Transaction) async throws -> IdentityClaim {
        try await tx.execute(
            """
            INSERT INTO onboarding.identity_checks (key_id, incarnation, application_id)
            VALUES (\(tx.key.id), \(tx.key.incarnation), \(claim.application))
            """)
        return claim
    }

    func fail(_ claim: IdentityClaim, _ tx: Transaction) async throws {
        try await tx.execute(
            """
            UPDATE onboarding.identity_checks SET state = 'failed'
            WHERE key_id = \(tx.key.id) AND incarnation = \(tx.key.incarnation)
            """)
    }

    func drawPenny(_ claim: IdentityClaim, _ call: Call) async throws -> IdentityProof {
        let id = try await bank.withdraw(
            account: claim.account, amount: 1, currency: "eur", reference: call.idempotencyKey)
        return IdentityProof(withdrawal: id)
    }

    func findPenny(_ claim: IdentityClaim, _ call: Call) async throws -> Reconciliation<IdentityProof> {
        guard let id = try await bank.withdrawal(reference: call.idempotencyKey) else { return .didNotHappen }
        return .happened(IdentityProof(withdrawal: id))
    }

    func pass(_ proof: IdentityProof, _ tx: Transaction) async throws -> IdentityProof {
        try await tx.execute(
            """
            UPDATE onboarding.identity_checks SET state = 'passed', withdrawal_id = \(proof.withdrawal)
            WHERE key_id = \(tx.key.id) AND incarnation = \(tx.key.incarnation)
            """)
        return proof
    }
}
