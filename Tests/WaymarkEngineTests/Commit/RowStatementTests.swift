import Foundation
import PostgresPQ
import Testing
import WaymarkTesting

@testable import Waymark
@testable import WaymarkEngine

/// Statements about rows, which those of a transaction share.
@Suite struct RowStatementTests {
    private static let tables = """
        CREATE TABLE rides (id uuid PRIMARY KEY, price integer NOT NULL CHECK (price > 0), note text,
            command integer NOT NULL DEFAULT 0);
        CREATE TABLE stock (item text PRIMARY KEY, reserved integer NOT NULL);
        INSERT INTO stock VALUES ('book', 0), ('lamp', 0);
        """

    private static func unit(_ append: (inout Writes) throws -> Void) throws -> CommitUnit {
        let (scope, key) = (try Scope("t"), try IdempotencyKey("k"))
        var writes = Writes(
            key: KeyContext(id: UUID(), scope: scope, key: key, saga: "s", incarnation: UUID()))
        try append(&writes)
        return CommitUnit(writes: writes.statements)
    }

    private static func booking(price: Int, note: String?) throws -> CommitUnit {
        try unit { writes in
            let id = writes.newID()
            writes.execute(each: "INSERT INTO rides (id, price, note) SELECT * FROM \(row: id, price, note)")
            writes.execute(
                each:
                    "UPDATE rides SET note = rides.note || r.tail FROM \(row: id, "!") AS r (id, tail) WHERE rides.id = r.id"
            )
        }
    }

    private static func reservation(of item: String, _ count: Int) throws -> CommitUnit {
        try unit { writes in
            writes.execute(
                each: """
                    UPDATE stock SET reserved = reserved + r.count
                    FROM \(row: item, count) AS r (item, count) WHERE stock.item = r.item
                    """)
        }
    }

    private static func with(
        _ body: @escaping @Sendable (TestDatabase, Coalescer) async throws -> Void
    ) async throws {
        try await TestDatabase.with(script: tables) { database async throws in
            let statements = KeyStatements(
                schema: .waymark, holder: "test", lease: .seconds(15), retention: .hours(24))
            try await body(database, Coalescer(nil, on: database.client, statements))
        }
    }

    /// The statements of ten units are as many as those of one, and do what they do for one.
    @Test func manyRowsGoThroughOneStatement() async throws {
        try await Self.with { database, coalescer async throws in
            let units = try (1...10).map { try Self.booking(price: $0, note: $0 % 3 == 0 ? nil : "n\($0)") }
            try await coalescer.commit(units, .together, within: .seconds(10))
            try await coalescer.commit([Self.booking(price: 11, note: "n11")], .apart, within: .seconds(10))
            let rides = try await database.client.query("SELECT price, note FROM rides ORDER BY price")
                .decode((Int, String?).self)
            let expected = (1...11).map { "\($0) \($0 % 3 == 0 && $0 < 11 ? "-" : "n\($0)!")" }
            #expect(rides.map { "\($0.0) \($0.1 ?? "-")" } == expected)
            let statements = try await database.client.query(
                "SELECT count(DISTINCT cmin::text::int) FROM rides WHERE price < 11"
            ).decode(Int.self)
            #expect(statements == [1])
            #expect(
                CommitScript(units, .together, within: nil, coalescer.statements).steps.count { $0.part == .row } == 2)
            #expect(
                CommitScript(units, .apart, within: nil, coalescer.statements).steps.count { $0.part == .row } == 20)
        }
    }

    /// An UPDATE changes a row once, however many it is joined to. Such a transaction fails, and its units run apart.
    @Test func twoRowsForOneTargetAreNotTakenForOne() async throws {
        try await Self.with { database, coalescer async throws in
            let units = try [Self.reservation(of: "book", 2), Self.reservation(of: "book", 3)]
            await #expect(throws: BatchFailure.self) {
                try await coalescer.commit(units, .together, within: .seconds(10))
            }
            try await coalescer.commit(units, .apart, within: .seconds(10))
            let reserved = try await database.client.query("SELECT reserved FROM stock WHERE item = 'book'")
            #expect(try reserved.decode(Int.self) == [5])
        }
    }

    @Test func aRowThatTouchesNoneFailsItsUnitAlone() async throws {
        try await Self.with { database, coalescer async throws in
            let shared = Coalescer(CoalescedRunTests.narrow, on: database.client, coalescer.statements)
            let items = ["book", "lamp", "sold out", "book", "lamp"]
            await withTaskGroup(of: Void.self) { group in
                for item in items {
                    group.addTask {
                        do {
                            try await shared.commit(Self.reservation(of: item, 1))
                            #expect(item != "sold out")
                        } catch {
                            #expect(item == "sold out")
                            #expect((error as? PostgresError)?.code == .unexpectedRowCount)
                        }
                    }
                }
            }
            let reserved = try await database.client.query("SELECT item, reserved FROM stock ORDER BY item")
            #expect(try reserved.decode((String, Int).self).map { "\($0) \($1)" } == ["book 2", "lamp 2"])
        }
    }

    /// What cannot be sent is its own unit's failure too.
    @Test func aValueThatCannotBeSentFailsItsUnitAlone() async throws {
        try await Self.with { database, coalescer async throws in
            let shared = Coalescer(CoalescedRunTests.narrow, on: database.client, coalescer.statements)
            await withTaskGroup(of: Void.self) { group in
                for price in 1...9 {
                    group.addTask {
                        do {
                            try await shared.commit(Self.booking(price: price, note: price == 5 ? "\0" : "n"))
                            #expect(price != 5)
                        } catch {
                            #expect(price == 5)
                            #expect((error as? PostgresError)?.code == .encoding)
                        }
                    }
                }
            }
            let prices = try await database.client.query("SELECT price FROM rides ORDER BY price").decode(Int.self)
            #expect(prices == [1, 2, 3, 4, 6, 7, 8, 9])
        }
    }

    /// Each unit's statements keep their order, also where another unit has them the other way round.
    @Test func theOrderOfEachUnitIsKept() throws {
        let (one, two): (RowStatement, RowStatement) = ("SELECT 1 FROM \(row: 1)", "SELECT 2 FROM \(row: 2)")
        let orders = [[one, two], [two, one], [one, one, two], [two]]
        let units = try orders.map { rows in
            try Self.unit { writes in
                for row in rows { writes.execute(each: row) }
            }
        }
        let statements = KeyStatements(schema: .waymark, holder: "t", lease: .seconds(15), retention: .hours(24))
        let steps = CommitScript(units, .together, within: nil, statements).steps.filter { $0.part == .row }
        let texts = steps.map { $0.statement.sql.contains("SELECT 1 ") ? "one" : "two" }
        #expect(texts == ["one", "two", "one"])
    }

    @Test func aRowIsATableOfParameters() {
        let statement: RowStatement = "INSERT INTO t SELECT * FROM \(row: 7, "a", Double?.none)"
        let query = RowStatement.query([statement, statement])
        #expect(query.sql.contains("INSERT INTO t SELECT * FROM unnest($1, $2, $3) RETURNING 1"))
        #expect(query.sql.contains("1/(count(*) = $4)"))
        #expect(query.binds.count == 4)
    }
}
