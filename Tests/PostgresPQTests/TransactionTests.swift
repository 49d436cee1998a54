import PostgresPQ
import Testing

@Suite struct TransactionTests {
    struct BodyFailure: Error, Equatable {}

    /// A connection with an empty table, so that committed rows can be counted.
    private func withTable(_ body: (PostgresConnection) async throws -> Void) async throws {
        try await withTestConnection { connection in
            try await connection.execute("CREATE TEMP TABLE marks (n int8 UNIQUE DEFERRABLE INITIALLY IMMEDIATE)")
            try await body(connection)
        }
    }

    private func marks(_ connection: PostgresConnection) async throws -> [Int] {
        try await connection.query("SELECT n FROM marks ORDER BY n").decode(Int.self)
    }

    private func insert(_ number: Int) -> PostgresQuery { "INSERT INTO marks VALUES (\(number))" }

    /// The stage and state with which the transaction fails.
    private func failure(
        _ body: () async throws -> Void
    ) async -> (stage: PostgresTransactionError.Stage, error: PostgresError)? {
        do {
            try await body()
            return nil
        } catch let failure as PostgresTransactionError {
            return (failure.stage, failure.error)
        } catch {
            Issue.record(error)
            return nil
        }
    }

    /// What each of several statements came to; those after a failed one have its error, and nothing is committed.
    @Test func tellsOfEachStatementWhatItCameTo() async throws {
        try await withTable { connection in
            var states: [SQLState?] = []
            do {
                try await connection.withTransaction { transaction in
                    let results = try await transaction.pipelineEach([insert(1), "SELECT 1/0", insert(2)])
                    states = results.map { if case .failure(let error) = $0 { error.sqlState } else { nil } }
                    throw BodyFailure()
                }
            } catch is BodyFailure {}
            #expect(states == [nil, .divisionByZero, .divisionByZero])
            let left = try await marks(connection)
            #expect(left == [])
        }
    }

    @Test func openingBodyAndClosingAreOneTransaction() async throws {
        try await withTable { connection in
            let count = try await connection.withTransaction(isolation: .serializable, opening: [insert(1)]) {
                transaction in
                try await transaction.execute(insert(2))
                let level = try await transaction.query("SHOW transaction_isolation").decode(String.self)
                #expect(level == ["serializable"])
                let rows = try await transaction.pipeline([insert(3), "SELECT count(*) FROM marks"])
                return try rows[1].decode(Int.self)[0]
            } closing: { count in
                [insert(count + 1), insert(count + 2)]
            }
            #expect(count == 3)
            let marks = try await marks(connection)
            #expect(marks == [1, 2, 3, 4, 5])
        }
    }

    @Test func aBodyWithoutStatementsIsFine() async throws {
        try await withTable { connection in
            try await connection.withTransaction(opening: [insert(1)]) { _ in
            } closing: { _ in
                [insert(2)]
            }
            try await connection.withTransaction { _ in }
            let marks = try await marks(connection)
            #expect(marks == [1, 2])
        }
    }

    @Test(arguments: [0, 1]) func aFailedOpeningStatementIsReportedWhateverTheBodyDoes(_ index: Int) async throws {
        try await withTable { connection in
            var opening = [insert(1), insert(2)]
            opening[index] = "SELECT 1/0"
            for swallows in [true, false] {
                let failure = await failure {
                    try await connection.withTransaction(opening: opening) { transaction in
                        do {
                            try await transaction.execute(insert(3))
                            Issue.record("the statement must fail")
                        } catch {
                            #expect((error as? PostgresError)?.sqlState == .divisionByZero)
                            if !swallows { throw BodyFailure() }
                        }
                    }
                }
                #expect(failure?.stage == .opening(index) && failure?.error.sqlState == .divisionByZero)
            }
            let silent = await failure { try await connection.withTransaction(opening: opening) { _ in } }
            #expect(silent?.stage == .opening(index))
            let marks = try await marks(connection)
            #expect(marks.isEmpty)
        }
    }

    @Test(arguments: [0, 1, 2]) func aFailedClosingStatementRollsBack(_ index: Int) async throws {
        try await withTable { connection in
            for hasStatement in [true, false] {
                let failure = await failure {
                    try await connection.withTransaction(opening: [insert(1)]) { transaction in
                        if hasStatement { try await transaction.execute(insert(2)) }
                    } closing: { _ in
                        var closing = [insert(3), insert(4), insert(5)]
                        closing[index] = "SELECT 1/count(*) FROM marks WHERE n > 99"
                        return closing
                    }
                }
                #expect(failure?.stage == .closing(index) && failure?.error.sqlState == .divisionByZero)
                let marks = try await marks(connection)
                #expect(marks.isEmpty)
            }
        }
    }

    @Test func theBodysErrorComesBackUnchanged() async throws {
        try await withTable { connection in
            await #expect(throws: BodyFailure()) {
                try await connection.withTransaction { transaction in
                    try await transaction.execute(insert(1))
                    throw BodyFailure()
                }
            }
            await #expect(throws: BodyFailure()) {
                try await connection.withTransaction { transaction in
                    _ = try await transaction.execute(insert(1))
                } closing: { _ in
                    throw BodyFailure()
                }
            }
            let marks = try await marks(connection)
            #expect(marks.isEmpty)
        }
    }

    @Test func aSwallowedErrorIsNeverTakenForACommit() async throws {
        try await withTable { connection in
            let failure = await failure {
                try await connection.withTransaction { transaction in
                    try await transaction.execute(insert(1))
                    _ = try? await transaction.query("SELECT 1/0")
                }
            }
            #expect(failure?.stage == .commit && failure?.error.sqlState == .inFailedTransaction)
            let marks = try await marks(connection)
            #expect(marks.isEmpty)
        }
    }

    @Test func aFailureOfCommitItselfHasItsStage() async throws {
        try await withTable { connection in
            let failure = await failure {
                try await connection.withTransaction(opening: ["SET CONSTRAINTS ALL DEFERRED"]) { transaction in
                    _ = try await transaction.pipeline([insert(1), insert(1)])
                }
            }
            #expect(failure?.stage == .commit && failure?.error.sqlState == .uniqueViolation)
            let marks = try await marks(connection)
            #expect(marks.isEmpty)
        }
    }

    @Test func theHandleIsDeadAfterItsClosure() async throws {
        try await withTable { connection in
            let leaked = try await connection.withTransaction { $0 }
            let error = await postgresError { try await leaked.execute(insert(1)) }
            #expect(error?.code == .transactionMisuse)
        }
    }

    @Test func statementsAroundTheHandleAreRefusedAndOthersWait() async throws {
        try await withTable { connection in
            let other = try await connection.withTransaction { transaction in
                try await transaction.execute(insert(1))
                let error = await postgresError { _ = try await connection.query("SELECT 1") }
                #expect(error?.code == .transactionMisuse)
                let nested = await postgresError { try await connection.withTransaction { _ in } }
                #expect(nested?.code == .transactionMisuse)
                // A task of somebody else: it must see the committed row.
                let other = Task.detached { try await connection.query("SELECT count(*) FROM marks").decode(Int.self) }
                for _ in 0..<5 { try await transaction.execute("SELECT 1") }
                try await transaction.execute(insert(2))
                return other
            }
            let count = try await other.value
            #expect(count == [2])
        }
    }

    @Test func manyTransactionsOnOneConnectionTakeTurns() async throws {
        try await withTable { connection in
            try await withThrowingDiscardingTaskGroup { group in
                for number in 0..<50 {
                    group.addTask {
                        try await connection.withTransaction { transaction in
                            let before = try await transaction.query("SELECT count(*) FROM marks").decode(Int.self)
                            try await transaction.execute("INSERT INTO marks VALUES (\(number))")
                            let after = try await transaction.query("SELECT count(*) FROM marks").decode(Int.self)
                            #expect(after[0] == before[0] + 1)
                            if number % 3 == 0 { throw BodyFailure() }
                        }
                    }
                }
            } catch: { _ in
            }
            let marks = try await marks(connection)
            #expect(marks == (0..<50).filter { $0 % 3 != 0 })
        }
    }
}

/// A discarding group whose children may throw without ending their siblings.
private func withThrowingDiscardingTaskGroup(
    _ body: (inout ThrowingTaskGroup<Void, any Error>) async throws -> Void,
    catch handler: (any Error) -> Void
) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
        try await body(&group)
        while let result = await group.nextResult() {
            if case .failure(let error) = result { handler(error) }
        }
    }
}
