import Testing

@testable import sandbox

@Suite("Faults", .timeLimit(.minutes(1)))
struct FaultTests {
    @Test("the rates hold, and the same seed gives the same faults")
    func rates() {
        let rates = Rates(errorBefore: 0.1, errorAfter: 0.05, drop: 0.02)
        for seed in [UInt64(1), 42, 1 << 60] {
            var (one, other) = (FaultDice(seed: seed), FaultDice(seed: seed))
            var counts: [Fault: Int] = [:]
            for number in 0..<20_000 {
                let fault = one.roll(key: "\(number)", rates: rates)
                #expect(fault == other.roll(key: "\(number)", rates: rates))
                if let fault { counts[fault, default: 0] += 1 }
            }
            #expect((1_800...2_200).contains(counts[.errorBefore, default: 0]), "seed \(seed)")
            #expect((850...1_150).contains(counts[.errorAfter, default: 0]), "seed \(seed)")
            #expect((150...250).contains(counts[.dropBefore, default: 0]), "seed \(seed)")
            #expect((150...250).contains(counts[.dropAfter, default: 0]), "seed \(seed)")
        }
    }

    @Test("after three faults in a row a key gets through")
    func streaks() {
        var dice = FaultDice(seed: 1)
        let rates = Rates(errorBefore: 1)
        let results = (0..<8).map { _ in dice.roll(key: "k", rates: rates) == nil }
        #expect(results == [false, false, false, true, false, false, false, true])
    }

    @Test("an error before leaves nothing; one after, or a drop, leaves a charge to be replayed")
    func effects() async throws {
        let service = try makeService(Rates(errorBefore: 1))
        #expect(await service.charge(form: form(), key: "before").reply == .broken)
        #expect(await service.ledger.book.charges.isEmpty)

        _ = try service.change(RateChange(errorBefore: 0, errorAfter: 1))
        #expect(await service.charge(form: form(), key: "after").reply == .broken)
        #expect(await service.ledger.book.charges.count == 1)

        _ = try service.change(RateChange(errorAfter: 0))
        let repeated = await service.charge(form: form(), key: "after").reply
        #expect(repeated?.status == 200)
        #expect(repeated?.isReplayed == true)
        #expect(service.faults == [.errorBefore: 1, .errorAfter: 1])
    }

    @Test("whoever repeats gets there, and is charged once")
    func persistence() async throws {
        let seed = UInt64.random(in: 0 ... .max)
        print("seed \(seed)")
        let service = try makeService(Rates(errorBefore: 0.3, errorAfter: 0.3, drop: 0.3, decline: 0.2), seed: seed)
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<100 {
                group.addTask {
                    var tries = 0
                    var status = 500
                    while status == 500, tries < 4 {
                        tries += 1
                        status =
                            await service.charge(form: form(["description": "\(number)"]), key: "\(number)").reply?
                            .status ?? 500
                    }
                    #expect(status == 200 || status == 402)
                }
            }
        }
        let book = await service.ledger.book
        #expect(book.charges.count + book.declines == 100)
        #expect(book.duplicateCharges == 0)
    }

    @Test("rates that make no sense change nothing")
    func nonsense() throws {
        let service = try makeService(Rates(errorBefore: 0.5))
        for change in [
            RateChange(drop: 1.5), RateChange(errorAfter: 0.6), RateChange(delayMilliseconds: -1),
            RateChange(statementOutage: -0.1),
        ] {
            #expect(throws: Refusal.self) { try service.change(change) }
        }
        #expect(service.rates == Rates(errorBefore: 0.5))
    }
}
