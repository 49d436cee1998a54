import Foundation
import PostgresPQ
import Testing
import WaymarkTesting

@testable import Waymark
@testable import WaymarkEngine

struct SignedApproval: Codable, Sendable {
    let by: String
}

/// Lets an application cool off, then waits for somebody's approval.
struct Apply: Saga {
    static let name = "apply"
    let ledger: Ledger

    var body: some Step<String, String> {
        AtomicPhase("filed", file)
            .compensate { (name: String, tx: Transaction) in
                try await tx.execute("INSERT INTO effects VALUES (\(tx.key.id), 'withdrawn', \(name))")
            }
        Sleep("cooled_off", for: .days(3))
        WaitFor("approved", event: SignedApproval.self, timeout: .days(30), decide)
        ForeignCall("letter_sent", .keyed(horizon: .days(1)), send)
    }

    func file(_ name: String, _ tx: Transaction) async throws -> String {
        try await tx.execute("INSERT INTO effects VALUES (\(tx.key.id), 'filed', \(name))")
        return name
    }

    func decide(_ name: String, _ approval: SignedApproval?) throws -> String {
        guard let approval else { throw Rejection(status: 410, type: "nobody_cared", title: "Nobody approved it.") }
        return "\(name), approved by \(approval.by)"
    }

    func send(_ letter: String, _ call: Call) async throws -> String {
        try ledger.call("letter", key: call.idempotencyKey, letter)
        return letter
    }
}

/// Steps that let time pass, and steps that wait for somebody.
@Suite struct WaitingTests {
    private static let sagas: @Sendable (Ledger) -> [any Saga] = { [Apply(ledger: $0)] }

    private static func approve(_ world: World) async throws {
        // Before it is accepted there is nobody to tell; once it is decided, it is too late.
        _ = try await world.orchestrator().signal(
            Apply.self, "approved", key: IdempotencyKey("k1"), scope: world.scope, payload: SignedApproval(by: "Ann"))
    }

    @Test func goesOnWithTheEventWhereverTheProcessStops() async throws {
        try await stopEverywhere(Apply.self, "Bob", sagas: Self.sagas, between: Self.approve) {
            outcome, world async throws in
            #expect(outcome.response == "Bob, approved by Ann")
            #expect(world.ledger.effects("letter") == ["Bob, approved by Ann"])
            #expect(try await world.effects("filed") == ["Bob"])
        }
    }

    @Test func goesOnWithoutItWhereverTheProcessStops() async throws {
        try await stopEverywhere(Apply.self, "Bob", sagas: Self.sagas) { outcome, world async throws in
            #expect(outcome.rejection?.status == 410)
            #expect(world.ledger.effects("letter") == [])
            #expect(try await world.effects("withdrawn") == ["Bob"])
        }
    }

    /// Nothing but a row: no lease, and not due before its time.
    @Test func holdsNothingMeanwhile() async throws {
        try await World.with(Self.sagas) { world async throws in
            let orchestrator = try world.orchestrator()
            let outcome = try await orchestrator.run(
                Apply.self, key: IdempotencyKey("k1"), scope: world.scope, request: "Bob")
            #expect(outcome.progress?.cause == .waiting)
            #expect(outcome.progress?.recoveryPoint == "cooled_off:asleep")
            let again = try await world.run(Apply.self, "Bob").progress
            #expect(again?.cause == .waiting)
            #expect(again.map { $0.retryAfter > .days(2.9) } == true)
            #expect(orchestrator.engine.held.count == 0)
            let row = try await world.database.client.query(
                """
                SELECT locked_by IS NULL, lease_until <= now(), attempts,
                    extract(epoch FROM run_at - progressed_at)::float8 FROM waymark.keys
                """
            ).decode((Bool, Bool, Int, Double).self)
            #expect(row.first.map { $0.0 && $0.1 && $0.2 == 0 } == true)
            #expect(row.first?.3 == Duration.days(3).inSeconds)
            #expect(try await Completionist(orchestrator).runOnce().claimed == 0)
        }
    }

    /// However often it wakes too early, that counts no attempt, and it goes back to sleep for what is left.
    @Test func goesBackToSleepWhenItIsTooEarly() async throws {
        try await World.with(Self.sagas) { world async throws in
            _ = try await world.run(Apply.self, "Bob")
            for _ in 1...3 {
                try await world.database.client.execute("UPDATE waymark.keys SET run_at = now()")
                let round = try await Completionist(world.orchestrator()).runOnce()
                #expect(round.claimed == 1)
                #expect(round.released == 1)
                let (attempts, days) = try #require(
                    try await world.database.client.query(
                        "SELECT attempts, round(extract(epoch FROM run_at - now()) / 86400)::int FROM waymark.keys"
                    ).decode((Int, Int).self).first)
                #expect(attempts == 0)
                #expect(days == 3)
            }
            #expect(try await world.point() == "cooled_off:asleep")
        }
    }

    /// An event that came before the wait began ends it at once.
    @Test func keepsAnEarlyEvent() async throws {
        try await World.with(Self.sagas) { world async throws in
            _ = try await world.run(Apply.self, "Bob")
            try await Self.approve(world)
            #expect(try await world.point() == "cooled_off:asleep")
            try await world.settle(rounds: 3)
            #expect(try await world.run(Apply.self, "Bob").response == "Bob, approved by Ann")
        }
    }

    @Test func sleepsUntilADate() async throws {
        struct Remind: Saga {
            static let name = "remind"
            var body: some Step<Date, Date> {
                SleepUntil("due") { (date: Date) in date }
            }
        }
        try await World.with({ _ in [Remind()] }) { world async throws in
            let past = try await world.run(Remind.self, Date(timeIntervalSince1970: 0), key: "past")
            #expect(past.response == Date(timeIntervalSince1970: 0))
            let future = try #require(try? Date("2100-01-01T00:00:00Z", strategy: .iso8601))
            #expect(try await world.run(Remind.self, future).progress?.recoveryPoint == "due:asleep")
            let dates = try await world.database.client.query("SELECT run_at FROM waymark.keys WHERE NOT done")
                .decode(Date.self)
            #expect(dates == [future])
        }
    }
}
