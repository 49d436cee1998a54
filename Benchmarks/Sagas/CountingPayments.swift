import RocketRides
import Synchronization

/// A payment service in this process, which takes no time: what is left is what a ride costs us.
final class CountingPayments: PaymentGateway {
    private let count = Atomic(0)

    /// Charges made, repeats included.
    var charges: Int { count.load(ordering: .relaxed) }

    func charge(
        amount: Int, currency: String, customer: String, description: String, idempotencyKey: String
    ) async throws -> String {
        count.add(1, ordering: .relaxed)
        return "ch_\(idempotencyKey)"
    }

    func refund(charge: String, idempotencyKey: String) async throws {}
}
