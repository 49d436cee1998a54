import AsyncHTTPClient
import Foundation
import NIOCore
import PostgresPQ
import Staging
import Subprocess
import Testing
import WaymarkClient
import WaymarkTesting

/// Withdrawals through a bank without idempotency keys, while every process of ours is killed again and again.
///
/// `scripts/kill-withdrawals` runs it with more kills.
@Suite struct WithdrawalKillTests {
    /// The bank loses answers before and after its effect, is slow, and its statement cannot always be had.
    private static let bank = [
        "--ledger", "{folder}/ledger", "--delay-ms", "200", "--error-before-rate", "0.05", "--error-after-rate", "0.1",
        "--drop-rate", "0.1", "--statement-outage-rate", "0.1",
    ]

    @Test func theBankPaysEachWithdrawalOnce() async throws { try await Self.payOnce(KillPlan()) }

    /// - Parameter clocks: of the processes, by their slots; nil is the machine's, and so are all of them when it is empty.
    static func payOnce(_ plan: KillPlan, clocks: [FakedClock?] = []) async throws {
        print("kills \(plan.kills) to come, seed \(plan.seed)")
        try await TestDatabase.with { database in
            let migrated = try await TestProcess.with("waymark", ["migrate"], database: database.url) {
                try await $0.ended()
            }
            try #require(migrated.status == .exited(0), "\(migrated.log)")
            try await database.client.executeScript(WithdrawalOrder.schema)
            let arguments = Self.bank + ["--seed", "\(plan.seed)"] + TestProcess.anyPort
            _ = try await TestProcess.with("sandbox", arguments, database: "") { sandbox in
                let port = try await sandbox.port()
                let results = try await WithdrawalStage(
                    database: database, sandboxPort: port, plan: plan, clocks: clocks
                ).run()
                try await Self.check(results, try await Self.ledger(port), plan, database)
            }
        }
    }

    /// A withdrawal that the bank has carried out.
    private struct Line: Decodable, Hashable {
        let id: String
        let account: String
        let reference: String
    }

    private struct Payout: Decodable {
        let bankID: String

        enum CodingKeys: String, CodingKey {
            case bankID = "bank_id"
        }
    }

    private static func ledger(_ port: Int) async throws -> [Line] {
        let request = HTTPClientRequest(url: "http://127.0.0.1:\(port)/ledger/withdrawals")
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(30))
        let body = try await response.body.collect(upTo: 1 << 26)
        return try JSONDecoder().decode([Line].self, from: Data(body.readableBytesView))
    }

    /// Holds the clients' answers against the bank's ledger and our own books.
    private static func check(
        _ results: [(order: WithdrawalOrder, answer: Answer, repeated: Answer)], _ ledger: [Line], _ plan: KillPlan,
        _ database: TestDatabase
    ) async throws {
        let finished = results.filter { $0.answer.status == 201 }
        let rejected = results.filter { $0.answer.status == 402 }
        let parked = results.filter { $0.answer.isParked }
        #expect(finished.count + rejected.count + parked.count == results.count, "every request has its answer")
        #expect(parked.allSatisfy { $0.order.isMurky }, "only where the bank cannot tell")
        #expect(results.allSatisfy { $0.repeated.status == $0.answer.status && $0.repeated.body == $0.answer.body })

        let duplicates = ledger.count - Set(ledger.map(\.reference)).count
        #expect(duplicates == 0, "at most one payout for each withdrawal")
        let paid = try finished.map { (isMurky: $0.order.isMurky, id: try $0.answer.decode(Payout.self).bankID) }
        #expect(Set(paid.map(\.id)).count == finished.count && Set(paid.map(\.id)).isSubset(of: ledger.map(\.id)))
        // What is parked may be paid or not: that is why it is parked.
        let certain = ledger.filter { $0.account != WithdrawalOrder.murky }
        #expect(Set(certain.map(\.id)) == Set(paid.filter { !$0.isMurky }.map(\.id)), "one for each finished one")

        let facts = try await facts(database)
        #expect(facts.keys == results.count && facts.open == 0)
        #expect(facts.reserved == parked.reduce(0) { $0 + $1.order.fields.amount })
        #expect(facts.spent == finished.reduce(0) { $0 + $1.order.fields.amount })
        #expect(facts.takenOver > 0 && facts.reconciled > 0, "the kills hit something")
        let counts = [
            "kills \(plan.kills)", "withdrawals \(results.count)", "finished \(finished.count)",
            "rejected \(rejected.count)", "parked \(parked.count) (murky)", "taken over \(facts.takenOver)",
            "found on the statement \(facts.reconciled)", "paid by the bank \(ledger.count)",
            "duplicate withdrawals \(duplicates)", "seed \(plan.seed)",
        ]
        print(counts.joined(separator: "  "))
    }

    private struct Facts {
        let keys: Int
        let open: Int
        let takenOver: Int
        let reconciled: Int
        let spent: Int
        let reserved: Int
    }

    private static func facts(_ database: TestDatabase) async throws -> Facts {
        let row = try await database.client.query(
            """
            SELECT count(*), count(*) FILTER (WHERE NOT done AND parked_reason IS NULL),
                count(*) FILTER (WHERE fence % 1000 > 1),
                count(*) FILTER (WHERE journal @> '[{"mark": "reconciled"}]'),
                (SELECT sum(CASE id WHEN \(WithdrawalOrder.poor) THEN \(WithdrawalOrder.pittance)
                    ELSE \(WithdrawalOrder.fortune) END - balance)::bigint
                    FROM withdrawal.accounts WHERE owner = \(WithdrawalOrder.owner)),
                (SELECT sum(reserved)::bigint FROM withdrawal.accounts WHERE owner = \(WithdrawalOrder.owner))
            FROM waymark.keys
            """)
        let (keys, open, takenOver, reconciled, spent, reserved) = try #require(row.first)
            .decode((Int, Int, Int, Int, Int, Int).self)
        return Facts(
            keys: keys, open: open, takenOver: takenOver, reconciled: reconciled, spent: spent, reserved: reserved)
    }
}
