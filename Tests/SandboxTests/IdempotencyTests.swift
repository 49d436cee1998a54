import Foundation
import Testing

@testable import sandbox

@Suite("Idempotency", .timeLimit(.minutes(1)))
struct IdempotencyTests {
    @Test("a repeat gets the first answer and no second charge")
    func replay() async throws {
        let service = try makeService()
        let first = await service.charge(form: form(), key: "k").reply
        let second = await service.charge(form: form(), key: "k").reply
        #expect(first?.status == 200)
        #expect(first?.isReplayed == false)
        #expect(second?.isReplayed == true)
        #expect(second?.body == first?.body)
        #expect(await service.ledger.book.charges.count == 1)
        #expect(await service.ledger.counts.replays == 1)
    }

    @Test("without a key, each request charges, and the ledger says so")
    func withoutKey() async throws {
        let service = try makeService()
        _ = await service.charge(form: form(), key: nil)
        _ = await service.charge(form: form(), key: nil)
        _ = await service.charge(form: form(["description": "ride 2"]), key: nil)
        #expect(await service.ledger.book.charges.count == 3)
        #expect(await service.ledger.book.duplicateCharges == 1)
    }

    @Test("while the first is under way, a second gets 409, and one with other parameters 400")
    func inFlight() async throws {
        let ledger = try Ledger(path: temporaryPath())
        let key = LedgerKey(service: "payments", key: "k")
        #expect(await ledger.admit(key, fingerprint: "a") == .admitted)
        #expect(await ledger.admit(key, fingerprint: "a") == .conflict)
        #expect(await ledger.admit(key, fingerprint: "b") == .mismatch)
        await ledger.release(key)
        #expect(await ledger.admit(key, fingerprint: "b") == .admitted)
    }

    @Test("of many at once with one key, one charges and the others are told so")
    func together() async throws {
        let service = try makeService(Rates(delayMilliseconds: 50))
        let replies = await withTaskGroup(of: Reply?.self) { group in
            for _ in 0..<20 { group.addTask { await service.charge(form: form(), key: "k").reply } }
            return await group.reduce(into: [Reply]()) { if let reply = $1 { $0.append(reply) } }
        }
        #expect(replies.count == 20)
        #expect(replies.allSatisfy { $0.status == 200 || $0 == .keyInUse })
        #expect(replies.contains(.keyInUse))
        #expect(await service.ledger.book.charges.count == 1)
    }

    @Test("other parameters or another endpoint under the same key are refused")
    func mismatch() async throws {
        let service = try makeService()
        _ = await service.charge(form: form(), key: "k")
        #expect(await service.charge(form: form(["amount": "2001"]), key: "k").reply == .keyMismatch)
        #expect(await service.refund(form: ["charge": "ch_1"], key: "k").reply == .keyMismatch)
        #expect(await service.ledger.book.charges.count == 1)
        // The mail service is another company: the key is free there.
        let mail = Data(#"{"to":"a@example.org","subject":"Hello"}"#.utf8)
        #expect(await service.message(json: mail, key: "k").reply?.status == 202)
    }

    @Test("a decline is an answer like any other: stored, replayed, the same for the same seed")
    func decline() async throws {
        let service = try makeService(Rates(decline: 1))
        #expect(await service.charge(form: form(), key: "k").reply == .declined)
        #expect(await service.charge(form: form(), key: "k").reply?.isReplayed == true)
        #expect(await service.ledger.book.declines == 1)
        #expect(await service.ledger.book.charges.isEmpty)
        let half = Rates(decline: 0.5)
        let (one, other) = (try makeService(half, seed: 7), try makeService(half, seed: 7))
        for number in 0..<50 { #expect(one.declines(key: "\(number)") == other.declines(key: "\(number)")) }
    }

    @Test("what was never carried out is not remembered")
    func validation() async throws {
        let service = try makeService()
        #expect(await service.charge(form: form(["amount": "ten"]), key: "k").reply?.status == 400)
        #expect(await service.charge(form: form(), key: "k").reply?.status == 200)
        let long = String(repeating: "k", count: 256)
        #expect(await service.charge(form: form(), key: long).reply?.status == 400)
    }

    @Test("an order of parameters is no difference, a shifted boundary is")
    func fingerprints() async throws {
        let service = try makeService()
        let one = Data(#"{"to":"a","subject":"b"}"#.utf8)
        let same = Data(#"{ "subject": "b", "to": "a" }"#.utf8)
        #expect(await service.message(json: one, key: "m").reply?.status == 202)
        #expect(await service.message(json: same, key: "m").reply?.isReplayed == true)
        _ = await service.charge(form: form(["customer": "a&description=5:b"]), key: "c")
        #expect(await service.charge(form: form(["customer": "a"]), key: "c").reply == .keyMismatch)
    }
}
