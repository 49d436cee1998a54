import Testing

@testable import sandbox

@Suite("Statements", .timeLimit(.minutes(1)))
struct StatementTests {
    @Test("lists a reference's withdrawals, the newest first, and of one account if asked")
    func list() async throws {
        let service = try makeService()
        for changes in [
            ["amount": "1"], ["reference": "payout 10"], ["amount": "2", "account": "acc_2"], ["amount": "3"],
        ] {
            #expect(await service.withdraw(fields(changes)).reply?.status == 201)
        }
        let all = try await service.statement(["reference": "payout 1"])
        #expect(try all.status == 200 && all.decode(ShownStatement.self).data.map(\.amount) == [3, 2, 1])
        let some = try await service.statement(["reference": "payout 1", "account": "acc_1"])
        #expect(try some.decode(ShownStatement.self).data.map(\.amount) == [3, 1])
        let none = try await service.statement(["reference": "payout"])
        #expect(try none.status == 200 && none.decode(ShownStatement.self).data.isEmpty)
    }

    @Test("needs a reference, and knows no other parameters", arguments: ["reference", "limit"])
    func parameters(name: String) async throws {
        let service = try makeService()
        let query = name == "reference" ? ["reference": ""] : ["reference": "r", name: "1"]
        let error = await #expect(throws: Refusal.self) { try await service.statement(query) }
        #expect(error?.reply.status == 400)
        #expect(error?.reply.body.contains(#""param":"\#(name)""#) == true)
    }

    @Test("of what is murky the bank cannot tell, whether it was withdrawn or not", arguments: [false, true])
    func murky(isWithdrawn: Bool) async throws {
        let service = try makeService()
        if isWithdrawn {
            #expect(await service.withdraw(fields(["reference": "murky 1"])).reply?.status == 201)
            #expect(await service.withdraw(fields(["account": "murky_1"])).reply?.status == 201)
            // Of a murky account, whoever asks for it.
            #expect(try await service.statement(["reference": "payout 1"]) == .cannotTell)
        }
        #expect(try await service.statement(["reference": "murky 1"]) == .cannotTell)
        let query = ["reference": "payout 1", "account": "murky_1"]
        #expect(try await service.statement(query) == .cannotTell)
        #expect(try await service.statement(["reference": "payout 2"]).status == 200)
    }

    @Test("an outage ends when the rate says so, and leaves the withdrawals alone")
    func outage() async throws {
        let service = try makeService(Rates(statementOutage: 1))
        #expect(await service.withdraw(fields()).reply?.status == 201)
        for _ in 0..<5 { #expect(try await service.statement(["reference": "payout 1"]) == .statementUnavailable) }
        #expect(service.statementOutages == 5)
        _ = try service.change(RateChange(statementOutage: 0))
        #expect(try await service.statement(["reference": "payout 1"]).decode(ShownStatement.self).data.count == 1)
    }

    @Test("the rate of outages holds, is the seed's, and does not move the other faults")
    func rate() {
        let rates = Rates(errorBefore: 0.5, statementOutage: 0.1)
        var (one, other, undisturbed) = (FaultDice(seed: 42), FaultDice(seed: 42), FaultDice(seed: 42))
        var outages = 0
        for number in 0..<20_000 {
            let isOut = one.rollStatement(rates: rates)
            #expect(isOut == other.rollStatement(rates: rates))
            if isOut { outages += 1 }
            let fault = undisturbed.roll(key: "\(number)", rates: rates)
            #expect(one.roll(key: "\(number)", rates: rates) == fault)
        }
        #expect((1_800...2_200).contains(outages))
    }
}
