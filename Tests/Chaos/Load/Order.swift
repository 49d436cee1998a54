import Staging
import WaymarkClient
import WaymarkTesting

/// What a client asks for.
struct Order: Sendable {
    enum Kind: Sendable {
        case ride(RideFields, rider: String)
        case withdrawal(WithdrawalOrder)
    }

    /// The idempotency key.
    let key: String
    let kind: Kind

    /// Three rides for each two withdrawals.
    init(key: String, using random: inout SeededGenerator) {
        self.key = key
        kind =
            Int.random(in: 0..<5, using: &random) < 3
            ? .ride(RideFields(using: &random), rider: RideFields.rider(using: &random))
            : .withdrawal(WithdrawalOrder(key: key, using: &random))
    }

    /// Sends it until there is an answer.
    /// - Throws: `WaymarkClientError` when there is none in the client's time.
    func send(by client: WaymarkClient) async throws -> Answer {
        switch kind {
        case .ride(let fields, let rider):
            try await client.post("/rides", json: fields, key: key, headers: ["Authorization": rider])
        case .withdrawal(let order):
            try await client.post(
                "/withdrawals", json: order.fields, key: key, headers: ["Authorization": WithdrawalOrder.owner])
        }
    }

    /// Whether it may end in front of a person: nobody can tell whether it was paid.
    var isMurky: Bool { if case .withdrawal(let order) = kind { order.isMurky } else { false } }
}
