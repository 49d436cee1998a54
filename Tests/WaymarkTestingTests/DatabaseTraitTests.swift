import PostgresPQ
import Testing
import Waymark
import WaymarkTesting

@Suite(.database(script: "CREATE TABLE notes (text text, written_at timestamptz DEFAULT now())"))
struct DatabaseTraitTests {
    private let database = TestDatabase.current

    @Test func isMigratedAndHasTheSuitesTables() async throws {
        #expect(try await database.client.query("SELECT FROM waymark.keys").isEmpty)
        #expect(try await database.client.query("SELECT FROM notes WHERE false").isEmpty)
    }

    /// On a database of its own, for the clock of one that tests share beside each other must not be moved.
    @Test(.database(script: "CREATE TABLE notes (text text, written_at timestamptz DEFAULT now())"))
    func theClockMovesForStatementsDefaultsAndNewConnections() async throws {
        let insert: PostgresQuery = "INSERT INTO notes VALUES ('a')"
        try await database.client.execute(insert)
        try await database.clock.advance(by: .hours(25))
        #expect(database.clock.offset == .hours(25))
        _ = try await withPostgres(database.url) { client in try await client.execute(insert) }
        let ages = try await database.client.query(
            "SELECT extract(epoch FROM now() - written_at)::int / 3600 FROM notes ORDER BY written_at"
        ).decode(Int.self)
        #expect(ages == [25, 0])
    }

    @Test func theClockOfARequestMovesToWhenItIsDue() async throws {
        let isDue = try await database.clock.advanceToNextDue()
        #expect(!isDue, "there is nothing to be done")
    }
}
