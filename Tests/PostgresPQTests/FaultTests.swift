import Logging
import PostgresPQ
import PrivatePostgres
import Testing
import WaymarkTesting

@Suite struct FaultTests {
    @Test func thePoolRecoversFromACrashOfTheServer() async throws {
        let server = try await PrivateCluster.temporary(logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        try await withTestClient(url: server.connectionString, { $0.maximumConnections = 4 }) { client in
            try await client.execute("CREATE TABLE marks (n int8)")
            for round in 0..<2 {
                let running = try await withThrowingTaskGroup(of: PostgresError?.self) { group in
                    for _ in 0..<4 {
                        group.addTask { await postgresError { _ = try await client.query("SELECT pg_sleep(60)") } }
                    }
                    group.addTask {
                        try await withTestConnection(url: server.connectionString) { observer in
                            try await eventually("all four sleep") {
                                try await observer.query(
                                    "SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)'"
                                ).decode(Int.self) == [4]
                            }
                        }
                        try await server.stop(.immediate)
                        return nil
                    }
                    return try await group.reduce(into: []) { $0.append($1) }
                }
                #expect(running.compactMap(\.self).filter(\.isConnectionLost).count == 4)
                async let waiting = client.execute("INSERT INTO marks VALUES (\(round))")
                try await server.start()
                try await #expect(waiting == 1)
            }
            let marks = try await client.query("SELECT n FROM marks ORDER BY n").decode(Int.self)
            #expect(marks == [0, 1])
        }
        try await server.delete()
    }

    /// Runs a transaction whose COMMIT meets a fault, and returns its error and how many rows were committed.
    /// - Parameter isForwarded: whether COMMIT reaches the server, and only its answer is lost.
    private func transact(
        isForwarded: Bool,
        hasBody: Bool
    ) async throws -> (error: (any Error)?, rows: [Int], replacementWorks: Bool) {
        try await withTestProxy { database, proxy in
            try await database.client.execute("CREATE TABLE marks (n int8)")
            var failure: (any Error)?
            var replacementWorks = false
            try await withTestClient(url: database.url(through: proxy), { $0.maximumConnections = 1 }) { client in
                try await client.execute("SELECT 1")
                // With its end, for READ COMMITTED contains COMMIT.
                proxy.cutAfter(pattern: "COMMIT\0", forward: isForwarded)
                do {
                    try await client.withTransaction(opening: ["INSERT INTO marks VALUES (1)"]) { transaction in
                        if hasBody { try await transaction.execute("INSERT INTO marks VALUES (2)") }
                    } closing: { _ in
                        ["INSERT INTO marks VALUES (3)"]
                    }
                } catch {
                    failure = error
                }
                replacementWorks = try await client.query("SELECT 1").count == 1
            }
            try await eventually("the server has done with the connection") { proxy.counters.cuts == 1 }
            let rows = try await database.client.query("SELECT n FROM marks ORDER BY n").decode(Int.self)
            return (failure, rows, replacementWorks)
        }
    }

    @Test(arguments: [true, false]) func aCommitWithoutAnswerIsUnknown(_ hasBody: Bool) async throws {
        let (error, rows, replacementWorks) = try await transact(isForwarded: true, hasBody: hasBody)
        let failure = try #require(error as? PostgresTransactionError)
        #expect(failure.stage == .commit && failure.error.code == .commitOutcomeUnknown)
        #expect(rows == (hasBody ? [1, 2, 3] : [1, 3]), "here it did commit")
        #expect(replacementWorks)
    }

    /// From this side of the line, COMMIT was sent; that it never arrived cannot be told.
    @Test func aCommitThatNeverArrivedIsUnknownToo() async throws {
        let (error, rows, _) = try await transact(isForwarded: false, hasBody: true)
        let failure = try #require(error as? PostgresTransactionError)
        #expect(failure.error.code == .commitOutcomeUnknown && rows.isEmpty)
    }

    /// The server reports a statement's rows before it commits them, at the Sync. What goes wrong in between must not be
    /// taken for a success: a process that believes in a commit which did not happen does things twice.
    @Test(arguments: CommitFault.allCases, [true, false])
    func whatIsReportedAndNotCommittedDidNotHappen(_ fault: CommitFault, isPrepared: Bool) async throws {
        try await TestDatabase.with(script: fault.script) { database in
            try await withTestClient(url: database.url, { $0.connection.preparedStatements = isPrepared }) { client in
                let single = await postgresError {
                    _ = try await client.query("INSERT INTO marks VALUES (1) RETURNING n")
                }
                #expect(fault.isExpected(single), "\(String(describing: single))")
                let several = await postgresError {
                    _ = try await client.pipeline(["INSERT INTO marks VALUES (2)", "INSERT INTO marks VALUES (3)"])
                }
                #expect(fault.isExpected(several), "\(String(describing: several))")
                let each = try await client.pipelineEach(["INSERT INTO marks VALUES (4)", "SELECT 1"])
                #expect(
                    fault.isExpected(each.first.flatMap { if case .failure(let error) = $0 { error } else { nil } }))
                let marks = try await client.query("SELECT n FROM marks").count
                #expect(marks == 0, "and the pool goes on")
            }
        }
    }

    /// What goes wrong in the commit of a single statement.
    enum CommitFault: CaseIterable {
        case violation, termination

        /// A table that no commit ever changes.
        var script: String {
            let effect =
                switch self {
                case .violation: "RAISE EXCEPTION 'not this one' USING ERRCODE = '23514'"
                case .termination: "PERFORM pg_terminate_backend(pg_backend_pid())"
                }
            return """
                CREATE TABLE marks (n int8);
                CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \(effect); RETURN NULL; END $$;
                CREATE CONSTRAINT TRIGGER refusal AFTER INSERT ON marks DEFERRABLE INITIALLY DEFERRED
                    FOR EACH ROW EXECUTE FUNCTION refuse();
                """
        }

        func isExpected(_ error: PostgresError?) -> Bool {
            switch self {
            case .violation: error?.sqlState?.rawValue == "23514" && error?.code == .server
            case .termination: error?.isConnectionLost == true
            }
        }
    }

    @Test func aConnectionLostInTheBodyIsNotACommit() async throws {
        try await withTestClient({ $0.maximumConnections = 1 }) { client in
            for swallows in [true, false] {
                do {
                    try await client.withTransaction { transaction in
                        let pid = try await transaction.query("SELECT pg_backend_pid()").decode(Int32.self)[0]
                        try await withTestConnection { try await $0.execute("SELECT pg_terminate_backend(\(pid))") }
                        do {
                            try await eventually("the connection is lost") {
                                _ = try await transaction.query("SELECT 1")
                                return false
                            }
                        } catch {
                            if !swallows { throw error }
                        }
                    }
                    Issue.record("the transaction must fail")
                } catch let error as PostgresError {
                    #expect(error.code == .connectionLost)
                }
            }
            let one = try await client.query("SELECT 1").decode(Int.self)
            #expect(one == [1])
        }
    }

    @Test func serializationConflictsAreTold() async throws {
        try await withTestClient { client in
            try await client.executeScript(
                "DROP TABLE IF EXISTS conflict; CREATE TABLE conflict (n int8); INSERT INTO conflict VALUES (0)")
            do {
                try await client.withTransaction(isolation: .repeatableRead) { transaction in
                    _ = try await transaction.query("SELECT n FROM conflict")
                    try await client.execute("UPDATE conflict SET n = 1")
                    try await transaction.execute("UPDATE conflict SET n = 2")
                }
                Issue.record("the transaction must fail")
            } catch let error as PostgresError {
                #expect(error.isSerializationConflict && error.sqlState == .serializationFailure)
            }
        }
    }
}
