import Foundation
import PostgresPQ
public import Waymark

/// Pays out to a customer through a bank that has no idempotency keys: whoever sends an order twice pays twice.
///
/// So an order of which no answer is known is never simply sent again. It carries a reference of its own, and the bank's
/// statement is searched for it: what is there is booked, what is not there and cannot come any more is ordered anew, and
/// where the bank cannot tell, the request is parked with the amount still reserved, and a person asks the bank.
public struct WithdrawFunds: Saga {
    public static let name = "withdraw-funds"
    let bank: Bank

    public init(bank: Bank) {
        self.bank = bank
    }

    public var body: some Step<WithdrawalRequest, Payout> {
        AtomicPhase("reserved", reserve)
            .compensate(release)
        ForeignCall("withdrawn", .atMostOnce(settling: bank.settling, reconcile: findWithdrawal), withdraw)
            .timeout(bank.timeout)
        AtomicPhase("booked", book)
    }

    /// Promises the amount to this withdrawal, where the caller has an account that covers it.
    func reserve(_ request: WithdrawalRequest, _ tx: Transaction) async throws -> Reservation {
        let covering = try await tx.query(
            """
            UPDATE withdrawal.accounts SET reserved = reserved + \(request.amount)
            WHERE id = \(request.account) AND owner = \(request.owner) AND balance - reserved >= \(request.amount)
            RETURNING currency
            """)
        guard let currency = try covering.decode(String.self).first else {
            throw Rejection(
                status: 402, type: "not_covered", title: "No account of yours with this name covers the amount.")
        }
        let reservation = Reservation(
            id: UUID(), owner: request.owner, account: request.account, amount: request.amount, currency: currency)
        try await tx.execute(
            """
            INSERT INTO withdrawal.withdrawals (id, key_id, incarnation, account, amount)
            VALUES (\(reservation.id), \(tx.key.id), \(tx.key.incarnation), \(reservation.account),
                \(reservation.amount))
            """)
        return reservation
    }

    func release(_ reservation: Reservation, _ tx: Transaction) async throws {
        try await tx.pipeline([
            "UPDATE withdrawal.withdrawals SET state = 'released' WHERE id = \(reservation.id)",
            """
            UPDATE withdrawal.accounts SET reserved = reserved - \(reservation.amount)
            WHERE id = \(reservation.account)
            """,
        ])
    }

    /// Orders the payout. The key is this step's of this request alone, so it finds the order again on the statement.
    func withdraw(_ reservation: Reservation, _ call: Call) async throws -> PaidReservation {
        let id = try await bank.withdraw(
            account: reservation.account, amount: reservation.amount, currency: reservation.currency,
            reference: call.idempotencyKey)
        return PaidReservation(reservation: reservation, bankID: id)
    }

    /// Looks for the order on the bank's statement. A statement that cannot be had at present is asked for again.
    ///
    func findWithdrawal(
        _ reservation: Reservation, _ call: Call
    ) async throws -> Reconciliation<PaidReservation> {
        switch try await bank.statement(account: reservation.account, reference: call.idempotencyKey) {
        case .cannotTell:
            return .unknown(
                "ask the bank whether it paid reference \(call.idempotencyKey), then `waymark keys resolve`")
        case .entries(let ids):
            guard let id = ids.first else { return .didNotHappen }
            // Two of them are a loss that nobody but a person can make good.
            guard ids.count == 1 else { return .unknown("the bank paid reference \(call.idempotencyKey) twice") }
            return .happened(PaidReservation(reservation: reservation, bankID: id))
        }
    }

    func book(_ paid: PaidReservation, _ tx: Transaction) async throws -> Payout {
        let reservation = paid.reservation
        try await tx.pipeline([
            "UPDATE withdrawal.withdrawals SET state = 'paid', bank_id = \(paid.bankID) WHERE id = \(reservation.id)",
            """
            UPDATE withdrawal.accounts
            SET balance = balance - \(reservation.amount), reserved = reserved - \(reservation.amount)
            WHERE id = \(reservation.account)
            """,
        ])
        try tx.stage(
            SendPayoutNotice(
                to: reservation.owner, withdrawalID: reservation.id, amount: reservation.amount,
                currency: reservation.currency))
        return Payout(
            withdrawalID: reservation.id, bankID: paid.bankID, account: reservation.account,
            amount: reservation.amount, currency: reservation.currency)
    }
}
