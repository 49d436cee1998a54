import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import PostgresPQ
import Staging
import Testing
import WaymarkTesting

@testable import chaos

/// A verdict that cannot fail proves nothing: what it looks for is planted into the books of a real run.
@Suite struct VerdictTests {
    @Test func namesWhatIsPlanted() async throws {
        let scratch = try Scratch("waymark-verdict")
        defer { scratch.remove() }
        var cast = Cast.chaos { $1 }
        // Nothing fails here but what is made to.
        cast.sandboxFaults = []
        let stage = Stage(cast: cast, scratch: scratch, seed: 1, complain: { Issue.record("\($0)") })
        do {
            try await stage.setUp()
            try await Self.plant(on: stage)
        } catch {
            Issue.record(error)
        }
        await stage.tearDown(dump: false)
    }

    private static func plant(on stage: Stage) async throws {
        let surroundings = try await stage.surroundings
        try await withPostgres(surroundings.connectionString, connections: 1) { postgres in
            try await postgres.executeScript(WithdrawalOrder.schema)
            let load = Load(clients: 8, think: .milliseconds(20), seed: 1, servers: stage.servers)
            try await withThrowingDiscardingTaskGroup { group in
                group.addTask { try await load.run() }
                try await eventually("there is something to judge") { load.records.answered >= 60 }
                load.end(patience: .seconds(30))
            }
            try await eventually("everything is over") { try await Facts.underWay(in: postgres) == (0, 0) }
            let books = Books(postgres: postgres, surroundings: surroundings, records: load.records)
            let clean = try await books.verdict()
            #expect(clean.problems == [])
            #expect(clean.finished > 0 && clean.rejected > 0)
            try await books.plantAll(clean.facts)
        }
    }
}

/// The books of a run, and what is done to them.
private struct Books: Sendable {
    let postgres: PostgresClient
    let surroundings: Surroundings
    let records: Records

    func verdict() async throws -> Verdict {
        Verdict(records: records.all, facts: try await Facts.read(from: postgres, surroundings))
    }

    func plantAll(_ facts: Facts) async throws {
        let rides = facts.keys.filter { $0.rideState == "booked" }
        let paid = try #require(facts.keys.first { $0.withdrawalState == "paid" })
        try #require(rides.count >= 7)
        try await expect("wrong answer: \(rides[0].key)", 1) {
            $0.wrongAnswers
        } after: {
            try await change(rides[0], "response_body = response_body || ' '")
        }
        try await expect("wrong answer: \(rides[1].key)", 1) {
            $0.wrongAnswers
        } after: {
            let other = Records.Heard(status: 201, body: Data("{}".utf8), isParked: false)
            records.note(other, to: try #require(records.all[rides[1].key]).order)
        }
        try await expect("lost: \(rides[2].key)", 1) {
            $0.lost
        } after: {
            try await change(
                rides[2], "done = false, run_at = now() + interval '1 hour', lease_until = now() + interval '1 hour'")
        }
        try await expect("lost: \(rides[3].key)", 1) {
            $0.lost
        } after: {
            try await postgres.execute("DELETE FROM waymark.keys WHERE id = \(rides[3].id)")
        }
        try await expect("unsound: \(rides[4].key)", 0) {
            $0.lost
        } after: {
            try await change(rides[4], "journal = journal || (journal -> 0)")
        }
        try await expect("unsound: \(rides[5].key)", 0) {
            $0.lost
        } after: {
            try await change(rides[5], "locked_by = 'somebody'")
        }
        try await expect("duplicated: account good_1 ", 1) {
            $0.duplicated
        } after: {
            try await postgres.execute("UPDATE withdrawal.accounts SET balance = balance - 1 WHERE id = 'good_1'")
        }
        let ride = try #require(rides[6].rideID)
        try await expect("duplicated: \(rides[6].key) was charged 2 times", 1) {
            $0.duplicated
        } after: {
            try await post("charges", form: "amount=2000&currency=usd&customer=cus_1&description=Ride+\(ride)")
        }
        let line = try #require(facts.sandbox.withdrawals.first { $0.id == paid.bankID })
        // The second is also one that nobody knows of.
        try await expect("duplicated: reference \(line.reference)", 2) {
            $0.duplicated
        } after: {
            try await post(
                "withdrawals",
                form: "account=\(line.account)&amount=\(line.amount)&currency=eur&reference=\(line.reference)")
        }
        try await expect("duplicated: \(rides[6].key) has 2 mails", 1) {
            $0.duplicated
        } after: {
            try await post("messages", json: #"{"to": "a@example.com", "subject": "Your ride \#(ride)"}"#)
        }
    }

    /// Plants something, and expects the verdict to name it, and to count it so often.
    private func expect(
        _ sentence: String, _ increase: Int, _ count: (Verdict) -> Int, after body: () async throws -> Void
    ) async throws {
        let before = try await verdict()
        try await body()
        let after = try await verdict()
        #expect(!before.problems.contains { $0.hasPrefix(sentence) })
        #expect(after.problems.contains { $0.hasPrefix(sentence) }, "\(sentence): \(after.problems)")
        #expect(count(after) == count(before) + increase, "\(sentence)")
    }

    private func change(_ key: KeyFacts, _ assignments: String) async throws {
        try await postgres.execute(
            PostgresQuery(unsafeSQL: "UPDATE waymark.keys SET \(assignments) WHERE id = '\(key.id)'"))
    }

    /// Does what nobody was to do.
    private func post(_ path: String, form: String? = nil, json: String = "") async throws {
        var request = HTTPClientRequest(url: "\(surroundings.sandbox.absoluteString)/v1/\(path)")
        request.method = .POST
        request.headers.add(name: "Authorization", value: "Bearer test")
        request.headers.add(name: "Idempotency-Key", value: UUID().uuidString)
        request.headers.add(
            name: "Content-Type", value: form == nil ? "application/json" : "application/x-www-form-urlencoded")
        request.body = .bytes(ByteBuffer(string: form ?? json))
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(10))
        try #require(response.status.code < 300)
    }
}
