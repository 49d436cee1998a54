import Foundation
import PostgresPQ
import Testing
import WaymarkTesting

@testable import Waymark
@testable import WaymarkEngine

/// Units that share a transaction, one of which is not like the others.
@Suite struct CoalescerTests {
    static let statements = KeyStatements(
        schema: .waymark, holder: "test", lease: .seconds(15), retention: .hours(24))

    static func coalescer(
        on client: PostgresClient, _ coalescing: EngineConfiguration.Coalescing = CoalescedRunTests.narrow
    ) -> Coalescer {
        Coalescer(coalescing, on: client, statements)
    }

    /// Ten keys on record, with fence 1 at "started".
    static func withKeys(
        script: String = "", _ body: @escaping @Sendable (TestDatabase, [UUID]) async throws -> Void
    ) async throws {
        try await TestDatabase.with(script: WriteOrder.tables + script) { database async throws in
            let requests = try (0..<10).map { n in
                try AcceptedRequest(
                    saga: "write-order", version: 1, request: StepValue(value: 1, json: "{}"),
                    key: IdempotencyKey("k\(n)"), scope: Scope("t"))
            }
            try await database.client.execute(statements.accept(requests.map { .init(request: $0) }))
            try await database.client.execute("UPDATE waymark.keys SET fence = 1")
            try await body(database, requests.map(\.context.id))
        }
    }

    static func unit(_ id: UUID, item: String = "book", fence: Int = 1) -> CommitUnit {
        let entry = JournalEntry(step: "reserved", output: "{}", attempt: 1, version: 1)
        return CommitUnit(
            guarded: .progress(
                .init(
                    id: id, fence: fence, from: "started", to: "reserved", call: nil, entry: entry, answer: nil)),
            writes: [
                .query("INSERT INTO effects VALUES (\(id), 'reserved', \(item))"),
                .query("UPDATE stock SET reserved = reserved + 1 WHERE item = \(item)"),
            ])
    }

    /// Commits all at once: the first alone, the others together.
    static func commit(_ units: [CommitUnit], _ coalescer: Coalescer) async -> [Result<Void, any Error>] {
        await withTaskGroup(of: (Int, Result<Void, any Error>).self) { group in
            for (index, unit) in units.enumerated() {
                group.addTask {
                    do {
                        _ = try await coalescer.commit(unit)
                        return (index, .success(()))
                    } catch {
                        return (index, .failure(error))
                    }
                }
            }
            return await group.reduce(into: [(Int, Result<Void, any Error>)]()) { $0.append($1) }
                .sorted { $0.0 < $1.0 }.map(\.1)
        }
    }

    @Test func aFencedOneIsTakenOut() async throws {
        try await Self.withKeys { database, ids async throws in
            let units = ids.enumerated().map { Self.unit($1, fence: $0 == 6 ? 7 : 1) }
            let results = await Self.commit(units, Self.coalescer(on: database.client))
            for (index, result) in results.enumerated() {
                if index == 6 {
                    #expect(throws: GuardFailed.self) { try result.get() }
                } else {
                    #expect(throws: Never.self) { try result.get() }
                }
            }
            let moved = try await database.client.query(
                "SELECT id FROM waymark.keys WHERE recovery_point = 'reserved' AND jsonb_array_length(journal) = 1"
            ).decode(UUID.self)
            #expect(Set(moved) == Set(ids).subtracting([ids[6]]))
            let effects = try await database.client.query("SELECT key_id FROM effects").decode(UUID.self)
            #expect(effects.sorted() == moved.sorted())
        }
    }

    @Test(arguments: [0, 4, 9]) func oneThatFailsIsTakenOut(index: Int) async throws {
        try await Self.withKeys { database, ids async throws in
            let units = ids.enumerated().map { Self.unit($1, item: $0 == index ? "sold out" : "book") }
            let results = await Self.commit(units, Self.coalescer(on: database.client))
            let error = #expect(throws: PostgresError.self) { try results[index].get() }
            #expect(error?.sqlState == .checkViolation)
            let effects = try await database.client.query("SELECT key_id FROM effects").decode(UUID.self)
            #expect(Set(effects) == Set(ids).subtracting([ids[index]]))
            let reserved = try await database.client.query("SELECT reserved FROM stock WHERE item = 'book'")
            #expect(try reserved.decode(Int.self) == [9])
        }
    }

    /// One waits for a lock that is held until all others are through.
    @Test func oneThatWaitsForALockHoldsUpNobody() async throws {
        try await Self.withKeys { database, ids async throws in
            let coalescer = Self.coalescer(on: database.client)
            let units = ids.enumerated().map { Self.unit($1, item: $0 == 4 ? "lamp" : "book") }
            let committing = try await database.client.withTransaction { transaction in
                _ = try await transaction.query("SELECT FROM stock WHERE item = 'lamp' FOR UPDATE")
                let committing = Task { await Self.commit(units, coalescer) }
                try await eventually("all but one are committed") {
                    try await database.client.query("SELECT FROM effects").count == 9
                }
                return committing
            }
            for result in await committing.value { try result.get() }
            let reserved = try await database.client.query("SELECT item, reserved FROM stock ORDER BY item")
            #expect(try reserved.decode((String, Int).self).map { "\($0) \($1)" } == ["book 9", "lamp 1"])
        }
    }

    /// Keys, and what is about rows, are found by their index; other statements are planned as the database is set up to. None
    /// waits long for a lock, or takes long, while others wait with it; and none is compiled.
    @Test(arguments: [false, true]) func statementsOfTheApplicationHaveTheirSettings(areAboutRows: Bool) async throws {
        try await Self.withKeys { database, ids async throws in
            var unit = Self.unit(ids[0])
            if areAboutRows {
                let row: RowStatement = """
                    INSERT INTO effects SELECT id, current_setting('enable_seqscan'), current_setting('lock_timeout')
                    FROM \(row: ids[0]) AS r (id)
                    """
                unit.writes = [.row(row)]
            } else {
                unit.writes = [
                    .query(
                        """
                        INSERT INTO effects
                        VALUES (\(ids[0]), current_setting('enable_seqscan'), current_setting('lock_timeout'))
                        """)
                ]
            }
            // Long enough for a busy machine: a unit that runs alone has other settings.
            var coalescing = CoalescedRunTests.narrow
            coalescing.longestStatement = .seconds(60)
            try await Self.coalescer(on: database.client, coalescing).commit(unit)
            let found = try await database.client.query("SELECT * FROM effects").decode((UUID, String, String).self)
            #expect(found.map(\.1) == [areAboutRows ? "off" : "on"])
            #expect(found.map(\.2) == ["50ms"])
        }
    }

    /// The parameters' types, where they do not follow from the text.
    private static let progressTypes = """
        (float8, uuid[], int8[], text[], text[], jsonb[], jsonb[], int8[], int8[], text[])
        """

    /// What every request looks up must not depend on what the planner believes of the table: a plan is kept from when it was
    /// empty.
    @Test(arguments: ["advance", "progress", "observe", "claimDue"])
    func aKeyIsFoundByItsIndexWithAPlanFromWhenTheTableWasEmpty(name: String) async throws {
        try await TestDatabase.with { database async throws in
            let entry = JournalEntry(step: "reserved", output: "{}", attempt: 1, version: 1)
            let step = KeyStatements.Progress(
                id: UUID(), fence: 1, from: "started", to: "reserved", call: nil, entry: entry, answer: nil)
            let query =
                switch name {
                case "observe": Self.statements.observe([UUID(), UUID()])
                case "progress": Self.statements.progress([step, step])
                case "claimDue": Self.statements.claimDue(limit: 10, accepted: ["a/started"])
                default: Self.statements.query(.progress(step))
                }
            // As it is planned while it is empty, and known to be.
            try await database.client.execute("VACUUM (ANALYZE) waymark.keys")
            let planned = try await database.client.withTransaction { transaction in
                try await transaction.execute("SET LOCAL plan_cache_mode TO force_generic_plan")
                try await transaction.execute(
                    name == "claimDue" ? KeyStatements.inIndexOrder : KeyStatements.lookupsOnly)
                let types = name == "progress" ? Self.progressTypes : ""
                try await transaction.execute("PREPARE planned \(unescaped: types) AS \(unescaped: query.sql)")
                let nulls = Array(repeating: "NULL", count: query.binds.count).joined(separator: ", ")
                return try await transaction.query("EXPLAIN EXECUTE planned (\(unescaped: nulls))")
            }
            let plan = try planned.decode(String.self).joined(separator: "\n")
            // Of a claim, who is due; and each of those by its id.
            #expect(plan.contains("Index Scan using keys_pkey on keys"), "\(plan)")
            #expect(plan.contains("Index Scan using keys_due on keys") == (name == "claimDue"), "\(plan)")
            #expect(!plan.contains("Seq Scan"), "\(plan)")
        }
    }
}
