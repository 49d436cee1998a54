import WaymarkTesting

/// A withdrawal that a client asks for.
struct WithdrawalOrder: Sendable {
    /// The body of `POST /withdrawals`.
    struct Fields: Encodable {
        let account: String
        let amount: Int
    }

    static let owner = "tester@example.com"
    /// The bank cannot tell whether it paid from this one: what is uncertain here wants a person.
    static let murky = "murky_1"
    /// Twenty of which one is drawn: most are covered, some not, some the bank refuses.
    private static let accounts =
        (0..<14).map { "good_\($0 % 5)" } + ["poor_1", "poor_1", "empty_1", "empty_1", murky, murky]

    static let schema = """
        INSERT INTO withdrawal.accounts (id, owner, currency, balance)
        SELECT id, '\(owner)', 'eur', CASE WHEN id LIKE 'poor%' THEN 500 ELSE 1000000000 END
        FROM unnest(ARRAY['\(Set(accounts).sorted().joined(separator: "', '"))']) AS id;
        """

    let key: String
    let fields: Fields

    init(key: String, using random: inout SeededGenerator) {
        self.key = key
        let account = Self.accounts[Int.random(in: 0..<Self.accounts.count, using: &random)]
        fields = Fields(account: account, amount: .random(in: 1...100, using: &random))
    }

    var isMurky: Bool { fields.account == Self.murky }
}
