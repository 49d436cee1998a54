import PostgresPQ
import Testing
import WaymarkTesting

@Suite("FaultProxy in front of PostgreSQL", .timeLimit(.minutes(2)))
struct PostgresTests {
    /// COMMIT as a statement of its own on the wire, which READ COMMITTED is not.
    private static let pattern = "COMMIT\0"

    @Test("a COMMIT whose answer is lost has happened; one that was cut off has not")
    func commit() async throws {
        try await TestDatabase.with(script: "CREATE TABLE t (n int8)") { database in
            let proxy = try await FaultProxy.start(upstream: database.upstream)
            let through = database.url(through: proxy)

            proxy.cutAfter(pattern: Self.pattern, forward: true)
            await #expect(throws: PostgresTransactionError.self) { try await Self.insert(1, through) }
            await proxy.waitForCut(count: 1)
            #expect(try await Self.rows(database) == [1])

            proxy.cutAfter(pattern: Self.pattern, forward: false)
            await #expect(throws: PostgresTransactionError.self) { try await Self.insert(2, through) }
            await proxy.waitForCut(count: 2)
            #expect(try await Self.rows(database) == [1])

            try await Self.insert(3, through)
            #expect(try await Self.rows(database) == [1, 3])
            await proxy.stop()
        }
    }

    /// Inserts a row in a transaction, over a connection of its own.
    private static func insert(_ number: Int, _ url: String) async throws {
        _ = try await withPostgres(url, connections: 1) { client in
            try await client.withTransaction { try await $0.execute("INSERT INTO t VALUES (\(number))") }
        }
    }

    private static func rows(_ database: TestDatabase) async throws -> [Int] {
        try await database.client.query("SELECT n FROM t ORDER BY n").decode(Int.self)
    }
}
