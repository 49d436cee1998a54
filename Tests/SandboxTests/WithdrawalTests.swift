import Foundation
import Testing

@testable import sandbox

@Suite("Withdrawals", .timeLimit(.minutes(1)))
struct WithdrawalTests {
    @Test("sent twice, it withdraws twice, and the ledger says so")
    func twice() async throws {
        let service = try makeService()
        let first = try #require(await service.withdraw(fields()).reply)
        let second = try #require(await service.withdraw(fields()).reply)
        _ = await service.withdraw(fields(["reference": "payout 2"]))
        #expect(first.status == 201 && second.status == 201 && !second.isReplayed)
        let (one, other) = (try first.decode(ShownWithdrawal.self), try second.decode(ShownWithdrawal.self))
        #expect(one.id != other.id)
        #expect(one.account == "acc_1" && one.amount == 2500 && one.currency == "eur" && one.reference == "payout 1")
        let book = await service.ledger.book
        #expect(book.withdrawals.mapValues(\.count) == ["payout 1": 2, "payout 2": 1])
        #expect(book.duplicateWithdrawals == 1)
    }

    @Test(
        "bad fields are named",
        arguments: [
            (["account": ""], "account"),
            (["amount": ""], "amount"),
            (["amount": "0"], "amount"),
            (["amount": "-5"], "amount"),
            (["amount": "1.5"], "amount"),
            (["currency": "euro"], "currency"),
            (["reference": ""], "reference"),
            (["reference": String(repeating: "r", count: 101)], "reference"),
            (["colour": "red"], "colour"),
        ]
    )
    func validation(changes: [String: String], field: String) async throws {
        let service = try makeService()
        let reply = try #require(await service.withdraw(fields(changes)).reply)
        #expect(reply.status == 400)
        #expect(reply.body.contains(#""param":"\#(field)""#))
        #expect(await service.ledger.book.withdrawals.isEmpty)
    }

    @Test("the bounds of a reference and of an amount are within")
    func bounds() async throws {
        let service = try makeService()
        let long = fields(["reference": String(repeating: "ü", count: 100), "amount": "1"])
        #expect(await service.withdraw(long).reply?.status == 201)
    }

    @Test("an account without funds is answered 402, and nothing is booked")
    func insufficientFunds() async throws {
        let service = try makeService()
        #expect(await service.withdraw(fields(["account": "empty_1"])).reply == .insufficientFunds)
        #expect(await service.ledger.book.withdrawals.isEmpty)
    }

    @Test("a JSON body's fields are strings and integers")
    func json() throws {
        let decoded = try [String: String](json: Data(#"{"account":"a","amount":2500}"#.utf8))
        #expect(decoded == ["account": "a", "amount": "2500"])
        for amount in ["1.5", "true", "null", "[1]", "{}"] {
            let body = Data(#"{"amount":\#(amount)}"#.utf8)
            let error = #expect(throws: Refusal.self) { try [String: String](json: body) }
            #expect(error?.reply.body.contains(#""param":"amount""#) == true, "\(amount)")
        }
        for body in ["[]", "", "account=a"] {
            #expect(throws: Refusal.self) { try [String: String](json: Data(body.utf8)) }
        }
    }

    @Test("an error before leaves nothing; one after, or a drop, leaves a withdrawal that a repeat does not find")
    func faults() async throws {
        let service = try makeService(Rates(errorBefore: 1))
        #expect(await service.withdraw(fields()).reply == .broken)
        #expect(await service.ledger.book.withdrawals.isEmpty)

        _ = try service.change(RateChange(errorBefore: 0, errorAfter: 1))
        #expect(await service.withdraw(fields()).reply == .broken)
        #expect(await service.ledger.book.withdrawals["payout 1"]?.count == 1)

        _ = try service.change(RateChange(errorAfter: 0))
        #expect(await service.withdraw(fields()).reply?.status == 201)
        #expect(await service.ledger.book.duplicateWithdrawals == 1)
        #expect(service.faults == [.errorBefore: 1, .errorAfter: 1])
    }

    @Test("after three faults in a row a reference gets through")
    func streaks() async throws {
        let service = try makeService(Rates(errorBefore: 1))
        var statuses: [Int?] = []
        for _ in 0..<4 { statuses.append(await service.withdraw(fields()).reply?.status) }
        #expect(statuses == [500, 500, 500, 201])
    }
}
