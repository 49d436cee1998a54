import PostgresPQ
import Testing
import WaymarkTesting

@Suite struct PreparedStatementTests {
    private func preparedCount(_ connection: PostgresConnection) async throws -> Int {
        // A script is never prepared; a query would count itself.
        try await connection.executeScript(
            "CREATE TEMP TABLE IF NOT EXISTS c (n int8); INSERT INTO c SELECT count(*) FROM pg_prepared_statements")
        return try await connection.query("SELECT n FROM c ORDER BY ctid DESC LIMIT 1").decode(Int.self)[0]
    }

    @Test func statementsArePreparedOnce() async throws {
        try await withTestConnection { connection in
            for number in 0..<10 {
                let value = try await connection.query("SELECT \(number)").decode(Int.self)
                #expect(value == [number])
            }
            let count = try await preparedCount(connection)
            #expect(count == 1)
        }
    }

    @Test func preparingCanBeSwitchedOff() async throws {
        try await withTestConnection({ $0.preparedStatements = false }) { connection in
            for number in 0..<3 { try await connection.execute("SELECT \(number)") }
            try await connection.withTransaction(opening: ["SELECT 1"]) { _ = try await $0.query("SELECT \(1)") }
            let count = try await preparedCount(connection)
            #expect(count == 0)
        }
    }

    @Test func theCacheStaysWithinItsLimit() async throws {
        try await withTestConnection({ $0.preparedStatementLimit = 5 }) { connection in
            for round in 0..<3 {
                for number in 0..<12 {
                    let query = PostgresQuery(unsafeSQL: "SELECT \(number)")
                    let value = try await connection.query(query).decode(Int.self)
                    #expect(value == [number], "round \(round)")
                }
            }
            // More in one pipeline than the cache can hold.
            let many = (0..<12).map { PostgresQuery(unsafeSQL: "SELECT \($0)") }
            let rows = try await connection.pipeline(many + many)
            #expect(rows.count == 24)
            try await eventually("the surplus is closed") { try await preparedCount(connection) <= 5 }
        }
    }

    @Test func aFailedPreparationIsTriedAgain() async throws {
        try await withTestConnection { connection in
            for _ in 0..<2 {
                let error = await postgresError { _ = try await connection.query("SELECT n FROM later") }
                #expect(error?.sqlState == .undefinedTable)
                let skipped = await postgresError { _ = try await connection.pipeline(["SELECT 1/0", "SELECT 5"]) }
                #expect(skipped?.sqlState == .divisionByZero)
            }
            try await connection.execute("CREATE TEMP TABLE later (n int8)")
            let rows = try await connection.query("SELECT n FROM later")
            let five = try await connection.query("SELECT 5").decode(Int.self)
            #expect(rows.isEmpty && five == [5])
        }
    }

    @Test func statementsTheServerLostArePreparedAgain() async throws {
        try await withTestConnection { connection in
            try await connection.execute("SELECT \(1)")
            // Where the connection cannot see it.
            try await connection.executeScript("DO $$ BEGIN EXECUTE 'DEALLOCATE ALL'; END $$")
            let error = await postgresError { try await connection.execute("SELECT \(1)") }
            #expect(error?.sqlState == .invalidStatementName)
            try await connection.execute("SELECT \(1)")
        }
    }

    @Test(arguments: ["DEALLOCATE ALL", "DISCARD ALL"])
    func statementsThatWereDroppedBeforeOurEyesArePreparedAnew(_ command: String) async throws {
        try await withTestConnection { connection in
            for _ in 0..<3 {
                let one = try await connection.query("SELECT \(1)").decode(Int.self)
                #expect(one == [1])
                try await connection.execute(PostgresQuery(unsafeSQL: command))
            }
        }
    }

    @Test func aChangedSchemaCostsOneError() async throws {
        try await withTestConnection { connection in
            try await connection.execute("CREATE TEMP TABLE shape (a int8)")
            let query: PostgresQuery = "SELECT * FROM shape"
            _ = try await connection.query(query)
            try await connection.execute("ALTER TABLE shape ADD b int8")
            let error = await postgresError { _ = try await connection.query(query) }
            #expect(error?.sqlState == .featureNotSupported)
            let rows = try await connection.query(query)
            #expect(rows.columnNames == ["a", "b"])
        }
    }

    @Test func concurrentFirstUsesDoNotMeet() async throws {
        try await withTestConnection { connection in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<200 {
                    group.addTask {
                        let query: PostgresQuery = number % 4 == 0 ? "SELECT 1/\(0)" : "SELECT \(number)"
                        let rows = try? await connection.pipeline([query, "SELECT \("x") || 'y'"])
                        #expect((rows != nil) == (number % 4 != 0))
                    }
                }
                try await group.waitForAll()
            }
        }
    }
}
