import Foundation
import PostgresPQ
import Testing
import WaymarkTesting

@testable import Waymark
@testable import WaymarkEngine

/// Sleeps until one of a few dates, alone and in a branch.
private struct SleepLong: Saga {
    static let name = "sleep-long"
    static let dates: [String: Date] = [
        "soon": Date(timeIntervalSince1970: 0), "far": .distantFuture,
        "last": Date(timeIntervalSince1970: 9_224_318_015_999),
        "beyond": Date(timeIntervalSince1970: 9_224_318_016_000),
        "huge": Date(timeIntervalSince1970: 1e300), "never": Date(timeIntervalSince1970: .infinity),
        "no number": Date(timeIntervalSince1970: .nan), "before": Date(timeIntervalSince1970: -1e13),
    ]

    var body: some Step<String, String> {
        AtomicPhase("begun") { (name: String, _: inout Writes) in name }
        Choose("way", by: Way.init) { way in
            switch way {
            case .alone: SleepUntil("due") { (name: String) in Self.date(name) }
            case .beside:
                Parallel("both", join: { (name: String, _: String) in name }) {
                    SleepUntil("due_beside") { (name: String) in Self.date(name) }
                    AtomicPhase("done_beside") { (name: String, _: inout Writes) in name }
                }
            }
        }
    }

    enum Way: String, CaseIterable {
        case alone, beside
        init(_ name: String) { self = name.hasPrefix("beside ") ? .beside : .alone }
    }

    private static func date(_ name: String) -> Date {
        dates[name.replacing("beside ", with: "")] ?? .distantPast
    }
}

/// Sleeps of thousands of years, and rows that say that a key is never due.
@Suite struct FarDateTests {
    private func with(_ body: @escaping @Sendable (World) async throws -> Void) async throws {
        try await World.with({ _ in [SleepLong()] }, body)
    }

    private func isDue(_ key: String, at date: Date, in world: World) async throws -> Bool {
        let rows = try await world.database.client.query("SELECT run_at FROM waymark.keys WHERE key = \(key)")
        // A branch's is by the delay until then, in floating-point seconds.
        return try rows.decode(PostgresTimestamp.self).allSatisfy {
            if case .date(let due) = $0 { abs(due.timeIntervalSince(date)) < 1 } else { false }
        }
    }

    @Test(arguments: ["", "beside "])
    func aSleepOfThousandsOfYearsFailsNoLookup(way: String) async throws {
        try await with { world async throws in
            for name in ["far", "last"] {
                let key = "\(way)\(name)".replacing(" ", with: "-")
                let first = try await world.run(SleepLong.self, "\(way)\(name)", key: key)
                #expect(first.progress?.cause == .waiting, "\(first)")
                #expect(try await world.run(SleepLong.self, "\(way)\(name)", key: key).progress?.cause == .waiting)
                let date = try #require(SleepLong.dates[name])
                if way.isEmpty { #expect(try await isDue(key, at: date, in: world)) }
                // Woken too early, it goes back to sleep.
                try await world.database.client.execute("UPDATE waymark.keys SET run_at = now() WHERE key = \(key)")
                _ = try await Completionist(try world.orchestrator()).runOnce()
                #expect(try await world.run(SleepLong.self, "\(way)\(name)", key: key).progress?.cause == .waiting)
            }
            #expect(try await world.run(SleepLong.self, "soon", key: "other").response == "soon")
            try await inspect(world)
        }
    }

    /// Earlier releases stored `.distantFuture` as infinity.
    @Test func aRowThatIsNeverDueFailsNoStatementAboutOthers() async throws {
        try await with { world async throws in
            for key in ["never", "soon"] { _ = try await world.run(SleepLong.self, "far", key: key) }
            try await world.database.client.execute(
                "UPDATE waymark.keys SET run_at = 'infinity', progressed_at = '-infinity' WHERE key = 'never'")
            let statements = try world.orchestrator().engine.statements
            let ids = try await world.database.client.query("SELECT id FROM waymark.keys").decode(UUID.self)
            let rows = try await world.database.client.query(statements.observe(ids)).map(ObservedRow.init)
            #expect(rows.count == 2)
            #expect(try await world.run(SleepLong.self, "far", key: "never").progress?.cause == .waiting)
            _ = try await Completionist(try world.orchestrator()).runOnce()
            try await world.database.client.execute("UPDATE waymark.keys SET progressed_at = now()")
            try await inspect(world)
            let listed = try await KeyInspector(postgres: world.database.client).list()
            #expect(listed.first { $0.key == "never" }?.dueSeconds == nil)
        }
    }

    @Test(arguments: ["beyond", "huge", "never", "no number", "before"], ["", "beside "])
    func aDateThatNoRowHoldsIsRefusedWithTheStepsName(name: String, way: String) async throws {
        try await with { world async throws in
            let outcome = try await world.run(SleepLong.self, way + name)
            #expect(outcome.parkedReason == .unstorableOutput)
            let rows = try await world.database.client.query("SELECT attempts, last_error, run_at FROM waymark.keys")
            let (attempts, error, due) = try #require(rows.first).decode((Int, String, PostgresTimestamp).self)
            #expect(attempts == 1)
            #expect(error.contains(way.isEmpty ? "'due'" : "'due_beside'"))
            #expect(due == .infinity, "a parked key is never due")
        }
    }

    /// What people look at, also as JSON.
    private func inspect(_ world: World) async throws {
        let inspector = KeyInspector(postgres: world.database.client)
        for key in try await inspector.list() {
            _ = try JSONCoding.encode(key)
            _ = try JSONCoding.encode(try await inspector.show(key.id))
        }
    }
}
