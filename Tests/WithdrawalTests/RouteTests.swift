import Foundation
import PostgresPQ
import Testing
import WaymarkClient
import WaymarkTesting

@testable import Withdrawal

/// `POST /withdrawals` of the real `waymark`, which serves it beside the rides.
@Suite struct RouteTests {
    @Test func paysOutOnceAndSaysSo() async throws {
        try await Self.serve { world, client in
            let form: KeyValuePairs = ["account": "acc_1", "amount": "2500"]
            let first = try await client.post("/withdrawals", form: form, key: "k1", headers: Self.customer)
            #expect(first.status == 201)
            let payout = try first.decode(Payout.self)
            #expect(payout.amount == 2500 && payout.account == "acc_1")
            let json = WithdrawalFields(account: "acc_1", amount: 2500)
            let again = try await client.post("/withdrawals", json: json, key: "k1", headers: Self.customer)
            #expect(again.body == first.body && again.replayed)
            try await eventually("the notice is sent") { try await world.books().messages == 1 }
            #expect(try await world.books().withdrawals == 1)
        }
    }

    @Test func refusesWhoItDoesNotKnowAndNamesTheField() async throws {
        try await Self.serve { world, client in
            let fields = WithdrawalFields(account: "acc_1", amount: 1)
            let nobody = ["Authorization": "nobody@example.com"]
            #expect(try await client.post("/withdrawals", json: fields, headers: nobody).status == 401)
            let wrong: [(account: String, amount: Int, field: String)] = [
                ("", 1, "account"), ("acc 1", 1, "account"), (String(repeating: "a", count: 65), 1, "account"),
                ("acc_1", 0, "amount"), ("acc_1", -5, "amount"), ("acc_1", 1_000_000_001, "amount"),
            ]
            for (account, amount, field) in wrong {
                let fields = WithdrawalFields(account: account, amount: amount)
                let answer = try await client.post("/withdrawals", json: fields, headers: Self.customer)
                #expect(answer.status == 400 && answer.problem?.field == field, "\(account) \(amount)")
            }
            let keys = try await world.database.client.query("SELECT FROM waymark.keys")
            #expect(keys.isEmpty)
        }
    }

    private static let customer = ["Authorization": World.owner]

    private static func serve(
        _ body: @escaping @Sendable (World, WaymarkClient) async throws -> Void
    ) async throws {
        try await World.with { world in
            let settings = ["BANK_URL": world.base, "MAIL_API_BASE": world.base]
            let dev = ["dev"] + TestProcess.anyPort
            _ = try await TestProcess.with("waymark", dev, database: world.database.url, settings: settings) {
                waymark in
                let base = try #require(URL(string: "http://127.0.0.1:\(try await waymark.port())"))
                try await body(world, WaymarkClient(base: base))
            }
        }
    }
}
