/// A withdrawal that a client asks for.
package struct WithdrawalOrder: Sendable {
    /// The body of `POST /withdrawals`.
    package struct Fields: Encodable, Sendable {
        package let account: String
        package let amount: Int
    }

    package static let owner = "tester@example.com"
    /// The bank cannot tell whether it paid from this one: what is uncertain here wants a person.
    package static let murky = "murky_1"
    /// Has too little for all that is asked of it.
    package static let poor = "poor_1"
    /// The bank refuses to pay from it.
    package static let empty = "empty_1"
    /// So many that few wait for each other.
    private static let good = 50
    package static let fortune = 1_000_000_000
    package static let pittance = 500

    /// The accounts, with their balances.
    package static let schema = """
        INSERT INTO withdrawal.accounts (id, owner, currency, balance)
        SELECT id, '\(owner)', 'eur', CASE id WHEN '\(poor)' THEN \(pittance) ELSE \(fortune) END
        FROM (SELECT 'good_' || n FROM generate_series(1, \(good)) AS n
            UNION VALUES ('\(poor)'), ('\(empty)'), ('\(murky)')) AS accounts (id);
        """

    package let key: String
    package let fields: Fields

    /// Most are covered, some not, some the bank refuses; of one in ten it cannot tell.
    package init(key: String, using random: inout some RandomNumberGenerator) {
        self.key = key
        let account =
            switch Int.random(in: 0..<20, using: &random) {
            case 0...1: Self.poor
            case 2...3: Self.empty
            case 4...5: Self.murky
            default: "good_\(Int.random(in: 1...Self.good, using: &random))"
            }
        fields = Fields(account: account, amount: .random(in: 1...100, using: &random))
    }

    package var isMurky: Bool { fields.account == Self.murky }
}
