import AsyncHTTPClient
import Foundation
import Subprocess
import Testing
import WaymarkTesting

@testable import sandbox

@Suite("The sandbox process", .timeLimit(.minutes(2)))
struct ProcessTests {
    private static let charge = "amount=2000&currency=usd&customer=cus_1&description=ride+1"

    @Test("speaks HTTP as the services do, and ends on SIGTERM")
    func http() async throws {
        let status = try await RunningSandbox.run(ledger: temporaryPath()) { sandbox in
            #expect(try await sandbox.post("/v1/charges", body: Self.charge, token: nil).status == 401)
            #expect(try await sandbox.post("/v1/charges", body: Self.charge, token: " ").status == 401)
            let first = try await sandbox.post("/v1/charges", body: Self.charge, key: "k")
            #expect(first.status == 200 && !first.isReplayed)
            let second = try await sandbox.post("/v1/charges", body: Self.charge, key: "k")
            #expect(second.status == 200 && second.isReplayed && second.body == first.body)
            let listed = try await sandbox.get("/ledger/charges").decode([ListedCharge].self)
            let id = try #require(listed.first?.id)
            #expect(listed.first?.idempotencyKey == "k" && listed.first?.description == "ride 1")
            #expect(try await sandbox.get("/v1/charges/\(id)").status == 200)
            #expect(try await sandbox.get("/v1/charges/ch_none").status == 404)
            #expect(try await sandbox.get("/v1/charges?limit=1&customer=cus_1").body.contains(id))
            #expect(try await sandbox.get("/v1/charges?limit=0").status == 400)
            #expect(try await sandbox.post("/v1/refunds", body: "charge=\(id)", key: "r").status == 200)
            #expect(try await sandbox.post("/v1/refunds", body: "charge=\(id)", key: "r2").status == 400)
            let mail = #"{"to":"a@example.org","subject":"s"}"#
            #expect(try await sandbox.post("/v1/messages", body: mail, key: "m", token: nil).status == 202)
            #expect(try await sandbox.get("/health").status == 200)
            #expect(try await sandbox.post("/control", body: #"{"decline_rate":1}"#).status == 200)
            #expect(try await sandbox.post("/v1/charges", body: Self.charge, key: "declined").status == 402)
            let summary = try await sandbox.summary()
            #expect(summary.charges == 1 && summary.refunds == 1 && summary.declines == 1 && summary.messages == 1)
            #expect(summary.replays == 1 && summary.duplicateCharges == 0)
            #expect(try await sandbox.get("/ledger").body.contains(#""duplicate_charges":0"#))
            #expect(first.body.contains(#""amount_refunded":0"#))
        }
        #expect(status == .exited(0))
    }

    @Test("while the first is under way, its key is in use")
    func inFlight() async throws {
        try await RunningSandbox.run(ledger: temporaryPath(), ["--delay-ms", "2000"]) { sandbox in
            let statuses = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<4 {
                    group.addTask { try await sandbox.post("/v1/charges", body: Self.charge, key: "k").status }
                }
                return try await group.reduce(into: []) { $0.append($1) }
            }
            #expect(statuses.sorted() == [200, 409, 409, 409])
        }
    }

    @Test("what was answered survives kill -9")
    func killed() async throws {
        let ledger = temporaryPath() + "/"
        var answers: [String: String] = [:]
        let status = try await RunningSandbox.run(ledger: ledger, ["--delay-ms", "0"]) { sandbox in
            for number in 0..<20 {
                answers["\(number)"] = try await sandbox.post("/v1/charges", body: Self.charge, key: "\(number)").body
            }
            sandbox.process.send(SIGKILL)
        }
        #expect(status == .signaled(SIGKILL))
        try await RunningSandbox.run(ledger: ledger) { sandbox in
            #expect(try await sandbox.summary().charges == 20)
            for (key, body) in answers {
                let again = try await sandbox.post("/v1/charges", body: Self.charge, key: key)
                #expect(again.isReplayed && again.body == body)
            }
            #expect(try await sandbox.summary().charges == 20)
        }
    }

    @Test("killed at any moment, it charges no key twice and forgets no answer")
    func killedUnderLoad() async throws {
        let ledger = temporaryPath() + "/"
        let answered = Answered()
        try await RunningSandbox.run(ledger: ledger, ["--delay-ms", "1"]) { sandbox in
            await withTaskGroup(of: Void.self) { group in
                for worker in 0..<8 {
                    group.addTask {
                        for number in 0..<1_000 {
                            let key = "\(worker)-\(number)"
                            let answer = try? await sandbox.post("/v1/charges", body: Self.charge, key: key)
                            guard let answer else { return }
                            await answered.add(key, answer.body)
                        }
                    }
                }
                // In the middle of it.
                group.addTask {
                    try? await eventually("some were answered") { await answered.all.count > 100 }
                    sandbox.process.send(SIGKILL)
                }
            }
        }
        let before = await answered.all
        #expect(before.count > 100)
        try await RunningSandbox.run(ledger: ledger) { sandbox in
            for (key, body) in before.prefix(150) {
                let again = try await sandbox.post("/v1/charges", body: Self.charge, key: key)
                #expect(again.isReplayed && again.body == body)
            }
            let keys = try await sandbox.get("/ledger/charges").decode([ListedCharge].self).map(\.idempotencyKey)
            #expect(Set(keys).count == keys.count)
            #expect(Set(before.keys).isSubset(of: keys))
        }
    }

    actor Answered {
        private(set) var all: [String: String] = [:]

        func add(_ key: String, _ body: String) { all[key] = body }
    }

    @Test("a dropped connection has no answer, and its key can be repeated")
    func dropped() async throws {
        try await RunningSandbox.run(ledger: temporaryPath(), ["--drop-rate", "1", "--seed", "3"]) { sandbox in
            // Three drops in a row, then an answer: for each of ten keys, whichever side of the effect they fell on.
            for key in 0..<10 {
                for _ in 0..<3 {
                    await #expect(throws: HTTPClientError.self) {
                        try await sandbox.post("/v1/charges", body: Self.charge, key: "\(key)")
                    }
                }
                #expect(try await sandbox.post("/v1/charges", body: Self.charge, key: "\(key)").status == 200)
            }
            let summary = try await sandbox.summary()
            #expect(summary.charges == 10)
            #expect(summary.faults["drop_before", default: 0] > 0 && summary.faults["drop_after", default: 0] > 0)
        }
    }
}
