import Foundation
import Testing

@testable import sandbox

@Suite("Ledger", .timeLimit(.minutes(1)))
struct LedgerTests {
    @Test("is read back: charges, refunds, declines, messages, answers")
    func readBack() async throws {
        let path = temporaryPath() + "/"
        var service: SandboxService? = try makeService(Rates(), path: path)
        let first = await service?.charge(form: form(), key: "c").reply
        let id = try #require(await service?.ledger.book.charges.first?.value.id)
        _ = await service?.refund(form: ["charge": id], key: "r")
        _ = await service?.message(json: Data(#"{"to":"a","subject":"s"}"#.utf8), key: "m")
        _ = try service?.change(RateChange(decline: 1))
        _ = await service?.charge(form: form(), key: "d")
        service = nil

        let again = try await reopenService(path: path)
        let book = await again.ledger.book
        #expect(book.charges.count == 1)
        #expect(book.charge(id)?.isRefunded == true)
        #expect(book.refunds == 1 && book.declines == 1 && book.messages.count == 1)
        #expect(await again.charge(form: form(), key: "c").reply?.body == first?.body)
        #expect(await again.charge(form: form(), key: "d").reply?.status == 402)
        #expect(FileManager.default.fileExists(atPath: path + "ledger.jsonl"))
    }

    @Test("a torn last line is cut off, wherever it was torn")
    func tornLine() async throws {
        let path = temporaryPath()
        var service: SandboxService? = try makeService(path: path)
        _ = await service?.charge(form: form(), key: "one")
        _ = await service?.charge(form: form(["description": "ride 2"]), key: "two")
        service = nil
        let whole = try Data(contentsOf: URL(fileURLWithPath: path))
        let first = try #require(whole.firstIndex(of: 10)) + 1
        for length in [first + 1, first + 40, whole.count - 2, whole.count - 1] {
            try whole.prefix(length).write(to: URL(fileURLWithPath: path))
            var torn: SandboxService? = try await reopenService(path: path)
            #expect(await torn?.ledger.book.charges.count == 1)
            let reply = await torn?.charge(form: form(["description": "ride 2"]), key: "two").reply
            #expect(reply?.status == 200 && reply?.isReplayed == false)
            torn = nil
            #expect(try LedgerFile.read(Data(contentsOf: URL(fileURLWithPath: path))).0.count == 2)
        }
    }

    @Test("a bad line in the middle is not passed over")
    func badMiddle() async throws {
        let path = temporaryPath()
        var service: SandboxService? = try makeService(path: path)
        _ = await service?.charge(form: form(), key: "one")
        service = nil
        let line = try Data(contentsOf: URL(fileURLWithPath: path))
        try (Data("{}\n".utf8) + line).write(to: URL(fileURLWithPath: path))
        #expect(throws: LedgerError.self) { try Ledger(path: path) }
    }

    @Test("has one keeper at a time")
    func oneKeeper() throws {
        let path = temporaryPath()
        let first = try Ledger(path: path)
        #expect(throws: LedgerError.self) { try Ledger(path: path) }
        withExtendedLifetime(first) {}
    }

    @Test("many at once are all on disk when they return")
    func group() async throws {
        let path = temporaryPath()
        let service = try makeService(path: path)
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<200 { group.addTask { _ = await service.charge(form: form(), key: "\(number)") } }
        }
        let content = try Data(contentsOf: URL(fileURLWithPath: path))
        #expect(try LedgerFile.read(content).0.count == 200)
    }
}
