import Foundation
import Testing

@testable import sandbox

@Suite("Charges, refunds, messages", .timeLimit(.minutes(1)))
struct ServiceTests {
    @Test(
        "bad parameters are named",
        arguments: [
            (["amount": ""], "amount", "parameter_missing"),
            (["amount": "1.5"], "amount", "parameter_invalid_integer"),
            (["amount": "49"], "amount", "amount_too_small"),
            (["amount": "100000000"], "amount", "amount_too_large"),
            (["customer": ""], "customer", "parameter_missing"),
            (["colour": "red"], "colour", "parameter_unknown"),
        ]
    )
    func parameters(changes: [String: String], param: String, code: String) async throws {
        let service = try makeService()
        let reply = try #require(await service.charge(form: form(changes), key: nil).reply)
        #expect(reply.status == 400)
        #expect(reply.body.contains(#""param":"\#(param)""#))
        #expect(reply.body.contains(#""code":"\#(code)""#))
        #expect(reply.body.contains(#""type":"invalid_request_error""#))
        #expect(await service.ledger.book.charges.isEmpty)
    }

    @Test("a charge is refunded once, also by two at the same time")
    func refund() async throws {
        let service = try makeService()
        _ = await service.charge(form: form(), key: "c")
        let id = try #require(await service.ledger.book.charges.first?.value.id)
        let statuses = await withTaskGroup(of: Int?.self) { group in
            for number in 0..<8 {
                group.addTask { await service.refund(form: ["charge": id], key: "r\(number)").reply?.status }
            }
            return await group.reduce(into: [Int]()) { if let status = $1 { $0.append(status) } }
        }
        #expect(statuses.sorted() == [200] + Array(repeating: 400, count: 7))
        let late = await service.refund(form: ["charge": id], key: "late").reply
        #expect(late?.body.contains("charge_already_refunded") == true)
        #expect(await service.ledger.book.refunds == 1)
        #expect(await service.ledger.book.charge(id)?.isRefunded == true)
        #expect(await service.refund(form: ["charge": "ch_none"], key: "x").reply?.status == 404)
    }

    @Test("forms are decoded")
    func forms() {
        #expect([String: String](form: "a=1&b=x+y%26z&c=&a=2") == ["a": "2", "b": "x y&z", "c": ""])
        #expect([String: String](form: "") == [:])
        #expect([String: String](form: "a=%zz") == nil)
    }

    @Test("a message needs somebody to go to")
    func message() async throws {
        let service = try makeService()
        #expect(await service.message(json: Data(#"{"to":"a"}"#.utf8), key: "m").reply?.status == 400)
        #expect(await service.message(json: Data("[]".utf8), key: "m").reply?.status == 400)
        let whole = Data(#"{"to":"a","subject":"s","body":"b"}"#.utf8)
        #expect(await service.message(json: whole, key: "m").reply?.status == 202)
        #expect(await service.ledger.book.messages.first?.value.content.contains(#""body":"b""#) == true)
    }
}
