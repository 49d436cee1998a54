import AsyncHTTPClient
import Foundation
import Subprocess
import Testing
import WaymarkTesting

@testable import sandbox

@Suite("Withdrawals over HTTP", .timeLimit(.minutes(2)))
struct WithdrawalProcessTests {
    private static let path = "/v1/withdrawals"
    private static let json = #"{"account":"acc_1","amount":2500,"currency":"EUR","reference":"payout 1+1"}"#
    private static let form = "account=acc_1&amount=2500&currency=eur&reference=payout+1%2B1"

    @Test("form or JSON, with a key or without: each request withdraws, and the statement has all of them")
    func http() async throws {
        try await RunningSandbox.run(ledger: temporaryPath()) { sandbox in
            #expect(try await sandbox.post(Self.path, body: Self.form, token: nil).status == 401)
            #expect(try await sandbox.get(Self.path + "?reference=payout", token: nil).status == 401)
            let type = "application/json; charset=utf-8"
            let first = try await sandbox.post(Self.path, body: Self.json, key: "k", type: type)
            let second = try await sandbox.post(Self.path, body: Self.form, key: "k")
            let third = try await sandbox.post(Self.path, body: Self.form, key: String(repeating: "k", count: 300))
            #expect([first, second, third].allSatisfy { $0.status == 201 && !$0.isReplayed })
            let made = try [third, second, first].map { try $0.decode(ShownWithdrawal.self) }
            #expect(Set(made.map(\.id)).count == 3)
            #expect(made.allSatisfy { $0.reference == "payout 1+1" && $0.currency == "eur" && $0.amount == 2500 })
            let statement = try await sandbox.get(Self.path + "?reference=payout%201%2B1")
            #expect(try statement.status == 200 && statement.decode(ShownStatement.self).data == made)

            #expect(try await sandbox.post(Self.path, body: "{", type: type).status == 400)
            #expect(try await sandbox.post(Self.path, body: Self.form + "&account=empty").status == 402)
            #expect(try await sandbox.get(Self.path).status == 400)
            #expect(try await sandbox.get(Self.path + "?reference=%ff").status == 400)
            #expect(try await sandbox.get(Self.path + "?reference=murky").status == 409)
            let listed = try await sandbox.get("/ledger/withdrawals").decode([ShownWithdrawal].self)
            #expect(Set(listed.map(\.id)) == Set(made.map(\.id)))
            let ledger = try await sandbox.get("/ledger").body
            #expect(ledger.contains(#""withdrawals":3"#) && ledger.contains(#""duplicate_withdrawals":1"#))
        }
    }

    @Test("a withdrawal whose answer was lost is on the statement, one that did not happen is not")
    func lostAnswers() async throws {
        try await RunningSandbox.run(ledger: temporaryPath(), ["--drop-rate", "1", "--seed", "3"]) { sandbox in
            var happened = 0
            for number in 0..<20 {
                let body = "account=acc_1&amount=2500&currency=eur&reference=payout-\(number)"
                await #expect(throws: HTTPClientError.self) { try await sandbox.post(Self.path, body: body) }
                let statement = try await sandbox.get(Self.path + "?reference=payout-\(number)")
                happened += try statement.decode(ShownStatement.self).data.count
            }
            let summary = try await sandbox.summary()
            #expect(happened == summary.faults["drop_after"] && summary.withdrawals == happened)
            #expect(happened > 0 && summary.faults["drop_before", default: 0] == 20 - happened)
            #expect(summary.duplicateWithdrawals == 0)
        }
    }

    @Test("what was withdrawn survives kill -9, in its order")
    func killed() async throws {
        let ledger = temporaryPath() + "/"
        var ids: [String] = []
        let status = try await RunningSandbox.run(ledger: ledger, ["--delay-ms", "0"]) { sandbox in
            for _ in 0..<10 {
                let answer = try await sandbox.post(Self.path, body: Self.form)
                ids.insert(try answer.decode(ShownWithdrawal.self).id, at: 0)
            }
            sandbox.process.send(SIGKILL)
        }
        #expect(status == .signaled(SIGKILL))
        try await RunningSandbox.run(ledger: ledger) { sandbox in
            let statement = try await sandbox.get(Self.path + "?reference=payout+1%2B1")
            #expect(try statement.decode(ShownStatement.self).data.map(\.id) == ids)
            let summary = try await sandbox.summary()
            #expect(summary.withdrawals == 10 && summary.duplicateWithdrawals == 1)
        }
    }

    @Test("the bank's outage is an option like the other faults, and can be ended")
    func outage() async throws {
        try await RunningSandbox.run(ledger: temporaryPath(), ["--statement-outage-rate", "1"]) { sandbox in
            #expect(try await sandbox.post(Self.path, body: Self.form).status == 201)
            let during = try await sandbox.get(Self.path + "?reference=payout+1%2B1")
            #expect(during.status == 503)
            #expect(try await sandbox.summary().statementOutages == 1)
            #expect(try await sandbox.post("/control", body: #"{"statement_outage_rate":0}"#).status == 200)
            #expect(try await sandbox.get(Self.path + "?reference=payout+1%2B1").status == 200)
        }
    }
}
