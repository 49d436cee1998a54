import Foundation
import HTTPTypes
import HummingbirdTesting
import PostgresPQ
import Testing
import WaymarkTesting

/// Numbers are kept as they were sent: through the fingerprint, the table and the answer.
@Suite struct ExactNumberTests {
    private static let rounds = 60

    /// A whole number of 20 digits, which no double tells from its neighbours, and a decimal of 38.
    @Test func neighboursAreDifferentRequests() async throws {
        let given = ProcessInfo.processInfo.environment["WAYMARK_TEST_SEED"].flatMap(UInt64.init)
        let seed = given ?? .random(in: 0...UInt64(UInt32.max))
        print("exact numbers, WAYMARK_TEST_SEED=\(seed)")
        try await GoodsDoor.with { door async throws in
            var random = SeededGenerator(seed: seed)
            for round in 0..<Self.rounds {
                let exact = UInt64.random(in: 10_000_000_000_000_000_000..<UInt64.max, using: &random)
                let amount =
                    "\(exact).\(UInt64.random(in: 10_000_000_000_000_000..<99_999_999_999_999_999, using: &random))1"
                let first = try await door.send(Self.request(round, exact: "\(exact)", amount: amount))
                #expect(first.text == #"{"amount":\#(amount),"count":1,"exact":\#(exact),"note":""}"#, "seed \(seed)")
                let spelled = try await door.send(Self.request(round, exact: "\(exact).0", amount: amount + "00e0"))
                #expect(spelled.isReplay && spelled.body == first.body, "1.0, 1 and 1e0 are one number; seed \(seed)")
                let neighbours = [("\(exact + 1)", amount), ("\(exact)", amount.dropLast() + "2")]
                for (exact, amount) in neighbours {
                    let other = try await door.send(Self.request(round, exact: exact, amount: amount))
                    #expect(other.status == .unprocessableContent, "\(exact) \(amount) of seed \(seed)")
                }
                let stored = try await door.database.client.query(
                    "SELECT request ->> 'exact', request ->> 'amount' FROM waymark.keys WHERE key = \("exact-\(round)")"
                ).decode((String, String).self)
                #expect(stored.map(\.0) == ["\(exact)"] && stored.map(\.1) == [amount], "seed \(seed)")
            }
        }
    }

    private static func request(_ round: Int, exact: String, amount: String) -> GeneratedRequest {
        var request = GeneratedRequest(keys: ["exact-\(round)"], key: "exact-\(round)", body: [], kind: "exact")
        request.setBody(#"{"amount":\#(amount),"exact":\#(exact),"weight":1,"count":1,"note":""}"#)
        return request
    }
}
