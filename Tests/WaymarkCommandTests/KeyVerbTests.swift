import Foundation
import PostgresPQ
import Subprocess
import Testing
import Waymark
import WaymarkEngine
import WaymarkTesting

/// What people do to keys by the command line.
@Suite struct KeyVerbTests {
    private static func run(
        _ database: TestDatabase, _ arguments: String...
    ) async throws -> TestProcess.Ended<Void> {
        try await TestProcess.with("waymark", ["keys"] + arguments, database: database.url) { try await $0.ended() }
    }

    /// Rides of which the outcome of the charge is not known, each under its name as key.
    private static func withParkedRides(
        _ keys: String..., body: @escaping @Sendable (TestDatabase) async throws -> Void
    ) async throws {
        try await TestDatabase.with { database in
            let orchestrator = Orchestrator(postgres: database.client, sagas: try SagaRegistry([UnchargedRide()]))
            for key in keys {
                let outcome = try await orchestrator.run(
                    UnchargedRide.self, key: IdempotencyKey(key), scope: Scope("user:7"), request: key)
                guard case .parked = outcome else { throw ConditionNotMet(description: "\(outcome)") }
            }
            try await body(database)
        }
    }

    private static func states(_ database: TestDatabase) async throws -> [String] {
        try await database.client.query(
            "SELECT key || ' ' || recovery_point || ' ' || coalesce(parked_reason, '-') FROM waymark.keys ORDER BY key"
        ).decode(String.self)
    }

    @Test func retriesManyAndSaysWhatItWouldDoFirst() async throws {
        try await Self.withParkedRides("a", "b") { database in
            let before = try await Self.states(database)
            let dry = try await Self.run(
                database, "retry", "--saga", "book-ride", "--reason", "it is back", "--dry-run")
            #expect(dry.status == .exited(0))
            #expect(dry.log.contains("ride_created, parked: attempts_exhausted  ride_created\n"))
            #expect(dry.log.contains("nothing was done"))
            #expect(try await Self.states(database) == before)
            let one = try await Self.run(
                database, "retry", "--parked-reason", "attempts_exhausted", "--limit", "1", "--reason", "try one")
            #expect(one.status == .exited(0))
            #expect(try await Self.states(database) == ["a ride_created attempts_exhausted", "b ride_created -"])
            let rest = try await Self.run(database, "retry", "--scope", "user:7", "--reason", "now all")
            #expect(rest.status == .exited(0))
            #expect(try await Self.states(database) == ["a ride_created -", "b ride_created -"])
        }
    }

    @Test func aParentAndItsParkedChildAreShownWithEachOther() async throws {
        try await TestDatabase.with { database in
            let orchestrator = Orchestrator(
                postgres: database.client, sagas: try SagaRegistry([Errand(), UnchargedRide()]))
            _ = try await orchestrator.run(
                Errand.self, key: IdempotencyKey("a"), scope: Scope("user:7"), request: "milk")
            while try await Completionist(orchestrator).runOnce().claimed > 0 {}
            let ids = try await database.client.query("SELECT saga, id::text FROM waymark.keys").decode(
                (String, String).self)
            let id = Dictionary(uniqueKeysWithValues: ids)
            let (parent, child) = (try #require(id["errand"]), try #require(id["book-ride"]))
            let shown = try await Self.run(database, "show", "--scope", "user:7", "--key", "a")
            #expect(shown.log.contains("\(child), saga book-ride, parked: attempts_exhausted"), "\(shown.log)")
            let below = try await Self.run(database, "show", child)
            #expect(below.log.contains("\(parent), at step ridden"), "\(below.log)")
        }
    }

    @Test func resolvesByTheSagasOwnTypes() async throws {
        try await Self.withParkedRides("a") { database in
            let address = ["--scope", "user:7", "--key", "a", "--reason", "asked", "--by", "anna"]
            let resolve = { (json: String) in
                try await TestProcess.with(
                    "waymark", ["keys", "resolve", "--happened", json] + address, database: database.url
                ) { try await $0.ended() }
            }
            let wrong = try await resolve(#"{"chargeID": "ch_1"}"#)
            #expect(wrong.status == .exited(1))
            #expect(wrong.log.contains("ride is missing"))
            let rider = #""userID": 7, "customer": "c", "email": "rider7@example.com""#
            let ride = #""id": "\#(UUID().uuidString)", \#(rider), "amount": 1, "currency": "usd""#
            let right = try await resolve(#"{"chargeID": "ch_1", "ride": {\#(ride)}}"#)
            #expect(right.status == .exited(0))
            #expect(try await Self.states(database) == ["a charge_created -"])
            let shown = try await Self.run(database, "show", "--scope", "user:7", "--key", "a")
            #expect(shown.log.contains("by anna: ride_created, parked: attempts_exhausted to charge_created: asked"))
        }
    }

    @Test func rejectsAndEvictsAndKeepsTheTrail() async throws {
        try await Self.withParkedRides("a", "b") { database in
            let refused = try await Self.run(database, "evict", "--scope", "user:7", "--key", "a", "--reason", "r")
            #expect(refused.status == .exited(1))
            #expect(refused.log.contains("no answer yet"))
            let rejected = try await Self.run(
                database, "reject", "--state", "parked", "--status", "410", "--body", "{}", "--reason", "r")
            #expect(rejected.status == .exited(0))
            #expect(try await Self.states(database) == ["a ride_created -", "b ride_created -"])
            try await database.client.execute(
                """
                UPDATE waymark.keys SET done = true, expires_at = now(), recovery_point = 'finished',
                    direction = 'compensating' WHERE key = 'a'
                """)
            let evicted = try await Self.run(
                database, "evict", "--saga", "book-ride", "--state", "rejected", "--reason", "wrong", "--json")
            #expect(evicted.status == .exited(0))
            #expect(try await Self.states(database) == ["b ride_created -"])
            let trail = try await Self.run(database, "audit", "--scope", "user:7", "--key", "a")
            #expect(trail.log.contains("ride_created, parked: attempts_exhausted  ride_created, to be rejected"))
            #expect(trail.log.contains("finished, rejected"))
            #expect(trail.log.contains("removed"))
            let json = try await Self.run(database, "audit", "--scope", "user:7", "--key", "a", "--json")
            guard case .array(let entries) = try JSONValue(parsing: json.log) else {
                Issue.record("not an array: \(json.log)")
                return
            }
            #expect(entries.count == 2)
        }
    }

    @Test(arguments: [
        ["retry", "--saga", "book-ride"], ["retry", "--reason", "r"], ["resolve", "--reason", "r", "x"],
        ["resolve", UUID().uuidString, "--reason", "r"],
        ["resolve", UUID().uuidString, "--reason", "r", "--did-not-happen", "--happened", "{}"],
        ["reject", "--saga", "book-ride", "--reason", "r", "--status", "200", "--body", "{}"],
        ["reject", "--saga", "book-ride", "--reason", "r", "--status", "400", "--body", "{"],
        ["reject", UUID().uuidString, "--reason", "r", "--status", "400", "--body", "{}", "--step", "charged"],
        ["compensate", UUID().uuidString, "--reason", "r", "--did-not-happen", "--happened", "{}"],
        ["release", UUID().uuidString, "--state", "waiting", "--reason", "r"],
        ["evict", "--saga", "book-ride", "--reason", ""],
    ])
    func saysWhatIsWrongWithTheCommand(arguments: [String]) async throws {
        let ended = try await TestProcess.with("waymark", ["keys"] + arguments, database: "host=/nowhere") {
            try await $0.ended()
        }
        #expect(ended.status == .exited(64), "\(ended.log)")
    }

    /// Whoever repeats what may be done already must be told so.
    @Test func saysThatItMayBeDoneWhenTheAnswerToTheCommitIsLost() async throws {
        try await Self.withParkedRides("a") { database in
            let proxy = try await FaultProxy.start(upstream: database.upstream)
            proxy.cutAfter(pattern: "COMMIT\0", forward: true)
            let ended = try await TestProcess.with(
                "waymark", ["keys", "retry", "--scope", "user:7", "--key", "a", "--reason", "r"],
                database: database.url(through: proxy)
            ) { try await $0.ended() }
            await proxy.stop()
            #expect(ended.status == .exited(69), "\(ended.log)")
            #expect(ended.log.contains("it may be done"), "\(ended.log)")
            let trail = try await Self.run(database, "audit", "--scope", "user:7", "--key", "a")
            #expect(trail.log.contains("retry"), "and it is")
        }
    }

    @Test func saysThatThereIsNoSuchKey() async throws {
        try await TestDatabase.with { database in
            let ended = try await Self.run(database, "retry", UUID().uuidString, "--reason", "r")
            #expect(ended.status == .exited(1))
            #expect(ended.log.contains("no such key"))
        }
    }
}

/// What `BookRide` leaves behind when the payment service is silent: its names, and a call that fails.
private struct Errand: Saga {
    static let name = "errand"

    var body: some Step<String, String> {
        AtomicPhase("left") { (name: String, _: Transaction) in name }
        Child("ridden", UnchargedRide.self, request: { (name: String) in name }) { _, ride in ride }
    }
}

private struct UnchargedRide: Saga {
    static let name = "book-ride"

    var body: some Step<String, String> {
        AtomicPhase("ride_created") { (name: String, _: Transaction) in name }
        ForeignCall("charge_created", .keyed(horizon: .hours(24))) { (_: String, _: Call) -> String in
            throw TransientError("silence")
        }
        .retry(.none)
    }
}
