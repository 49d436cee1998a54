import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import PostgresPQ
import Testing
import WaymarkTesting

/// The demo application over HTTP: the real orchestrator, drain and sandbox.
@Suite struct RideTests {
    static let json = #"{"origin_lat": 52.5, "origin_lon": 13.4, "target_lat": 52.6, "target_lon": 13.5}"#
    static let form = "origin_lat=52.5&origin_lon=13.4&target_lat=52.6&target_lon=13.5"

    @Test func booksARideFromJSONOrAForm() async throws {
        try await World.with { world in
            let first = try await world.book(Self.json)
            #expect(first.status == .created)
            let repeated = try await world.book(Self.form, type: "application/x-www-form-urlencoded")
            #expect(repeated.status == .created)
            #expect(repeated.headers.first(name: "Idempotent-Replayed") == "true")
            #expect(repeated.text == first.text)
            try await world.receipts(arrive: 1)
            let ledger = try await world.ledger()
            #expect(ledger.contains(#""charges":1"#))
            let audited = try await world.database.client.query("SELECT action FROM rocket_rides.audit_records")
            #expect(try audited.decode(String.self) == ["created"])
        }
    }

    /// The old ride's row was in the way of the new one for a hundred attempts.
    @Test func aKeyThatWasRemovedAndComesAgainBooksAnotherRide() async throws {
        try await World.with { world in
            let first = try await world.book(Self.json)
            #expect(first.status == .created)
            try await world.database.client.execute("DELETE FROM waymark.keys")
            let second = try await world.book(Self.json)
            #expect(second.status == .created)
            #expect(second.text != first.text)
            let rides = try await world.database.client.query("SELECT state FROM rocket_rides.rides")
            #expect(try rides.decode(String.self) == ["booked", "booked"])
        }
    }

    @Test func aDeclinedCardIs402AndTheRideIsCancelled() async throws {
        try await World.with(["--decline-rate", "1"]) { world in
            let first = try await world.book(Self.json)
            #expect(first.status == .paymentRequired)
            #expect(first.headers.first(name: "Content-Type") == "application/problem+json")
            #expect(first.text.contains(#""type":"card_declined""#))
            #expect(try await world.book(Self.json).text == first.text)
            let rides = try await world.database.client.query("SELECT state FROM rocket_rides.rides")
            #expect(try rides.decode(String.self) == ["cancelled"])
            let ledger = try await world.ledger()
            #expect(ledger.contains(#""charges":0"#))
        }
    }

    @Test func aServiceThatAnswersErrorsAfterTheEffectChargesOnce() async throws {
        try await World.with(["--error-after-rate", "0.5", "--drop-rate", "0.3", "--seed", "7"]) { world in
            for number in 1...10 {
                let answer = try await eventually("ride \(number) is booked") {
                    let answer = try await world.book(Self.json, key: "ride-\(number)")
                    return [409, 503].contains(answer.status.code) ? nil : answer
                }
                #expect(answer.status == .created)
            }
            let ledger = try await world.ledger()
            #expect(ledger.contains(#""charges":10"#), "\(ledger)")
            #expect(ledger.contains(#""duplicate_charges":0"#), "\(ledger)")
        }
    }

    @Test func refusesWhoItDoesNotKnowAndWhatIsNotOnTheGlobe() async throws {
        try await World.with { world in
            #expect(try await world.book(Self.json, rider: "nobody@example.com").status == .unauthorized)
            let off = try await world.book(
                Self.form.replacing("52.5", with: "99"), type: "application/x-www-form-urlencoded")
            #expect(off.status == .badRequest)
            #expect(off.text.contains(#""field":"origin_lat""#))
            let keys = try await world.database.client.query("SELECT count(*) FROM waymark.keys").decode(Int.self)
            #expect(keys == [0])
        }
    }
}

/// A migrated database, a sandbox, an orchestrator and a drain.
struct World: Sendable {
    struct Answer: Sendable {
        let status: HTTPResponseStatus
        let headers: HTTPHeaders
        let text: String
    }

    let database: TestDatabase
    let sandboxPort: Int
    let port: Int

    static func with(_ faults: [String] = [], _ body: @escaping @Sendable (World) async throws -> Void) async throws {
        try await TestDatabase.with { database in
            _ = try await TestProcess.with("waymark", ["migrate"], database: database.url) { try await $0.ended() }
            let sandbox = ["--ledger", "{folder}/ledger"] + TestProcess.anyPort + faults
            _ = try await TestProcess.with("sandbox", sandbox, database: "") { sandbox in
                let sandboxPort = try await sandbox.port()
                let base = "http://127.0.0.1:\(sandboxPort)"
                let settings = ["STRIPE_API_BASE": base, "STRIPE_API_KEY": "sk_test", "MAIL_API_BASE": base]
                let dev = ["dev"] + TestProcess.anyPort
                _ = try await TestProcess.with("waymark", dev, database: database.url, settings: settings) { waymark in
                    try await body(
                        World(database: database, sandboxPort: sandboxPort, port: try await waymark.port()))
                }
            }
        }
    }

    func book(
        _ body: String, type: String = "application/json", key: String = "ride-1", rider: String = "rider1@example.com"
    ) async throws -> Answer {
        var request = HTTPClientRequest(url: "http://127.0.0.1:\(port)/rides")
        request.method = .POST
        request.headers.add(name: "Authorization", value: rider)
        request.headers.add(name: "Idempotency-Key", value: key)
        request.headers.add(name: "Content-Type", value: type)
        request.body = .bytes(ByteBuffer(string: body))
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(60))
        let text = try await String(buffer: response.body.collect(upTo: 1 << 20))
        return Answer(status: response.status, headers: response.headers, text: text)
    }

    func ledger() async throws -> String {
        let request = HTTPClientRequest(url: "http://127.0.0.1:\(sandboxPort)/ledger")
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(30))
        return try await String(buffer: response.body.collect(upTo: 1 << 20))
    }

    func receipts(arrive count: Int) async throws {
        try await eventually("\(count) receipts are delivered") {
            try await ledger().contains(#""messages":\#(count)"#)
        }
    }
}
