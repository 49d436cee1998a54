import Foundation
import HTTPTypes
import Hummingbird
import HummingbirdTesting
import PostgresPQ
import Synchronization
import Testing
import WaymarkTesting

/// A hundred thousand generated requests, most of them bad: each is answered as it must be, and what is refused leaves
/// nothing behind.
///
/// They go through the router, not through a socket; `WireTests` sends what only a socket can carry. A failing request is
/// printed whole, and again by itself with `WAYMARK_TEST_SEED` and `WAYMARK_TEST_REQUEST`.
@Suite struct GeneratedTests {
    /// In the normal run; some 300 µs each in a debug build. `WAYMARK_TEST_REQUESTS` asks for more.
    private static let requests = 100_000
    /// Two for each core of a small machine: the database answers while others are being read.
    private static let clients = 4
    /// Problems are told up to so many: the first ones say it all.
    private static let mostFailures = 10

    @Test func eachIsAnsweredAsItMustBe() async throws {
        let environment = ProcessInfo.processInfo.environment
        let seed = environment["WAYMARK_TEST_SEED"].flatMap(UInt64.init) ?? .random(in: 0...UInt64(UInt32.max))
        let count = environment["WAYMARK_TEST_REQUESTS"].flatMap(Int.init) ?? Self.requests
        let only = environment["WAYMARK_TEST_REQUEST"].flatMap(Int.init)
        print("\(count) generated requests, WAYMARK_TEST_SEED=\(seed)")
        let began = ContinuousClock.now
        try await GoodsDoor.with { door in
            let tally = GeneratedTally()
            for number in 0..<RequestGenerator.waitingKeys {
                let waiting = RequestGenerator.waiting(number)
                tally.count(waiting, try await door.send(waiting))
            }
            let numbers = only.map { [$0] } ?? Array(0..<count)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for client in 0..<Self.clients {
                    group.addTask {
                        for number in numbers where number % Self.clients == client {
                            var seeds = SeededGenerator(seed: seed &+ UInt64(number))
                            var generator = RequestGenerator(SeededGenerator(seed: seeds.next()), number: number)
                            let request = generator.next()
                            try await Self.check(request, door, tally, "WAYMARK_TEST_REQUEST=\(number) of seed \(seed)")
                            if tally.failures >= Self.mostFailures { return }
                        }
                    }
                }
                try await group.waitForAll()
            }
            try await Self.checkDatabase(door, tally)
            if only == nil, tally.failures == 0 { tally.expectEveryKind() }
            print(tally.report, "in \(ContinuousClock.now - began)")
        }
    }

    private static func check(
        _ request: GeneratedRequest, _ door: GoodsDoor, _ tally: GeneratedTally, _ which: String
    ) async throws {
        let response = try await door.send(request)
        let complaint = tally.count(request, response) ?? request.complaint(about: response)
        guard let complaint else {
            if case .answer = request.expectation { try await checkRepeats(request, response, door, tally, which) }
            return
        }
        tally.fail()
        Issue.record("\(complaint): \(response.status) \(response.text) for \(which): \(request)")
    }

    /// The same again gets the same bytes; the same key with another body is refused.
    private static func checkRepeats(
        _ request: GeneratedRequest, _ first: TestResponse, _ door: GoodsDoor, _ tally: GeneratedTally, _ which: String
    ) async throws {
        let again = try await door.send(request)
        var other = request
        other.setBody(#"{"amount":1,"exact":1,"weight":1,"count":1,"note":"another"}"#)
        other.expectation = .refusal(422, field: "Idempotency-Key")
        let mismatch = try await door.send(other)
        tally.count(other, mismatch)
        let isSame = again.body == first.body && again.status == first.status && again.isReplay && !first.isReplay
        guard !isSame || other.complaint(about: mismatch) != nil else { return }
        tally.fail()
        Issue.record(
            "its repeat got \(again.status) \(again.text), another \(mismatch.status), of \(which): \(request)")
    }

    /// What is stored is what was accepted, neither more nor less.
    private static func checkDatabase(_ door: GoodsDoor, _ tally: GeneratedTally) async throws {
        let rows = try await door.database.client.query("SELECT scope, key, done FROM waymark.keys")
            .decode((String, String, Bool).self)
        let stored = Set(rows.map { GeneratedTally.Name(scope: $0.0, key: $0.1) })
        let accepted = tally.accepted
        #expect(stored.subtracting(accepted).isEmpty, "written for a refused request")
        #expect(accepted.subtracting(stored).isEmpty, "accepted and not on record")
        #expect(rows.filter { !$0.2 }.count == RequestGenerator.waitingKeys, "only those unfinished that wait")
        let effects = try await door.database.client.query("SELECT count(*) FROM goods.declared").decode(Int.self)[0]
        #expect(effects == rows.count - RequestGenerator.waitingKeys, "one effect for each")
    }
}

extension GeneratedRequest {
    /// What is wrong with the response; nil when nothing is.
    func complaint(about response: TestResponse) -> String? {
        let status = response.status.code
        if status >= 500 { return "a failure of ours" }
        if status >= 400 {
            guard response.headers[.contentType] == "application/problem+json", let problem = try? response.problem()
            else {
                return "no problem document"
            }
            if problem.status != status { return "another status in the problem" }
            if problem.field == nil, ![401, 404, 409].contains(status) { return "no field is named" }
        }
        switch expectation {
        case .either: return nil
        case .answer(let text): return status < 300 && response.text == text ? nil : "not its answer, \(text)"
        case .refusal(let expected, field: let field):
            guard status == expected else { return "not refused with \(expected)" }
            guard let field else { return nil }
            let named = (try? response.problem())?.field ?? ""
            return named == field || named.hasPrefix("\(field).") ? nil : "the problem does not name \(field)"
        }
    }
}
