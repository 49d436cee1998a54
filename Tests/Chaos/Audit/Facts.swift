import PostgresPQ
import Staging

/// Both sides of the books, when nothing is under way any more.
struct Facts: Sendable {
    /// An account with more or less on it than its withdrawals account for.
    struct Account: Decodable, Sendable {
        let id: String
        /// How much more is gone than was paid, and how much more reserved than promised: more than was to be, in the
        /// smallest unit.
        let overspent: Int
        let overreserved: Int
    }

    let keys: [KeyFacts]
    let sandbox: SandboxFacts
    let accounts: [Account]
    /// Rides and withdrawals that belong to no key.
    let strays: Int
    /// Jobs that nobody took, or that are dead.
    let jobsLeft: Int

    static func read(from postgres: PostgresClient, _ surroundings: Surroundings) async throws -> Facts {
        let counts =
            try await postgres.query(
                """
                SELECT (SELECT count(*) FROM waymark.jobs),
                    (SELECT count(*) FROM rocket_rides.rides AS r
                        WHERE NOT EXISTS (SELECT FROM waymark.keys AS k WHERE k.id = r.key_id))
                    + (SELECT count(*) FROM withdrawal.withdrawals AS w
                        WHERE NOT EXISTS (SELECT FROM waymark.keys AS k WHERE k.id = w.key_id))
                """
            ).decode((Int, Int).self).first ?? (0, 0)
        return Facts(
            keys: try await KeyFacts.read(from: postgres),
            sandbox: try await SandboxFacts.read(from: surroundings.sandbox),
            accounts: try await accounts(in: postgres), strays: counts.1, jobsLeft: counts.0)
    }

    /// Those that do not add up. The phases add and subtract: one that happened twice shows here.
    private static func accounts(in postgres: PostgresClient) async throws -> [Account] {
        try await postgres.query(
            """
            SELECT * FROM (
                SELECT a.id,
                    (CASE a.id WHEN \(WithdrawalOrder.poor) THEN \(WithdrawalOrder.pittance)
                        ELSE \(WithdrawalOrder.fortune) END
                        - a.balance - coalesce(sum(w.amount) FILTER (WHERE w.state = 'paid'), 0))::bigint AS overspent,
                    (a.reserved
                        - coalesce(sum(w.amount) FILTER (WHERE w.state = 'reserved'), 0))::bigint AS overreserved
                FROM withdrawal.accounts AS a LEFT JOIN withdrawal.withdrawals AS w ON w.account = a.id
                WHERE a.owner = \(WithdrawalOrder.owner)
                GROUP BY a.id
            ) AS accounts WHERE overspent <> 0 OR overreserved <> 0 ORDER BY id
            """
        ).decode(Account.self)
    }

    /// How many keys are on their way, and how many jobs are not handed on.
    static func underWay(in postgres: PostgresClient) async throws -> (keys: Int, jobs: Int) {
        try await postgres.query(
            """
            SELECT (SELECT count(*) FROM waymark.keys WHERE NOT done AND parked_reason IS NULL),
                (SELECT count(*) FROM waymark.jobs WHERE NOT dead)
            """
        ).decode((Int, Int).self).first ?? (0, 0)
    }
}
