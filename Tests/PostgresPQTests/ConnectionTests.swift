import Foundation
import Testing
import WaymarkTesting

@testable import PostgresPQ

@Suite struct ConnectionTests {
    @Test func everyErrorFieldArrives() async throws {
        try await withTestConnection { connection in
            try await connection.executeScript(
                "CREATE TEMP TABLE things (id int8 CONSTRAINT things_pk PRIMARY KEY, name text NOT NULL)")
            try await connection.execute("INSERT INTO things VALUES (1, 'a')")
            let unique = await postgresError { try await connection.execute("INSERT INTO things VALUES (\(1), 'b')") }
            #expect(unique?.code == .server && unique?.sqlState == .uniqueViolation)
            #expect(unique?.sqlState?.classCode == "23")
            #expect(unique?.constraint == "things_pk" && unique?.table == "things")
            #expect(unique?.detail == "Key (id)=(1) already exists.")
            #expect(unique?.sql == "INSERT INTO things VALUES ($1, 'b')")
            let null = await postgresError { try await connection.execute("INSERT INTO things VALUES (2)") }
            #expect(null?.sqlState == .notNullViolation && null?.column == "name")
            let syntax = await postgresError { _ = try await connection.query("SELECT oops") }
            #expect(syntax?.sqlState == .undefinedColumn && syntax?.position == 8)
            let hint = await postgresError { _ = try await connection.query("SELECT nosuch(\(1))") }
            #expect(hint?.hint != nil && hint?.isConnectionLost == false && hint?.isSerializationConflict == false)
            #expect(syntax?.description.contains("42703") == true)
        }
    }

    @Test func statementsOfManyTasksArePipelined() async throws {
        try await withTestConnection { connection in
            let sum = try await withThrowingTaskGroup(of: Int.self) { group in
                for number in 0..<1_000 {
                    group.addTask { try await connection.query("SELECT \(number)").decode(Int.self)[0] }
                }
                return try await group.reduce(0, +)
            }
            #expect(sum == 499_500)
        }
    }

    @Test func aPipelineIsOneWriteAndOneImplicitTransaction() async throws {
        try await withTestProxy { database, proxy in
            try await withTestConnection(url: database.url(through: proxy)) { connection in
                try await connection.execute("CREATE TEMP TABLE marks (n int8 UNIQUE)")
                let before = proxy.counters.piecesToServer
                let inserts = (0..<100).map { number in "INSERT INTO marks VALUES (\(number))" as PostgresQuery }
                let results = try await connection.pipeline(inserts)
                #expect(results.count == 100 && proxy.counters.piecesToServer == before + 1)
                let failure = await postgresError {
                    _ = try await connection.pipeline([
                        "INSERT INTO marks VALUES (500)", "SELECT 1/0", "INSERT INTO marks VALUES (501)",
                    ])
                }
                #expect(failure?.sqlState == .divisionByZero && failure?.sql == "SELECT 1/0")
                let count = try await connection.query("SELECT count(*) FROM marks").decode(Int.self)
                #expect(count == [100])
            }
        }
    }

    @Test func aTransactionTakesTwoRoundTrips() async throws {
        try await withTestProxy { database, proxy in
            try await withTestConnection(url: database.url(through: proxy)) { connection in
                let before = proxy.counters.piecesToServer
                try await connection.withTransaction(opening: ["SELECT 1", "SELECT 2"]) { transaction in
                    try await transaction.execute("SELECT 3")
                } closing: { _ in
                    ["SELECT 4"]
                }
                #expect(proxy.counters.piecesToServer == before + 2)
                try await connection.withTransaction(opening: ["SELECT 1"]) { _ in
                } closing: { _ in
                    ["SELECT 4"]
                }
                #expect(proxy.counters.piecesToServer == before + 3)
            }
        }
    }

    @Test func pipelineEachKeepsStatementsApart() async throws {
        try await withTestConnection { connection in
            try await connection.execute("CREATE TEMP TABLE marks (n int8 UNIQUE)")
            let results = try await connection.pipelineEach([
                "INSERT INTO marks VALUES (1)", "INSERT INTO marks VALUES (1)", "SELECT 1/0",
                "INSERT INTO marks VALUES (2)",
            ])
            let states = results.map { result in
                if case .failure(let error) = result { error.sqlState } else { nil as SQLState? }
            }
            #expect(states == [nil, .uniqueViolation, .divisionByZero, nil])
            let none = try await connection.pipelineEach([])
            let count = try await connection.query("SELECT count(*) FROM marks").decode(Int.self)
            #expect(none.isEmpty && count == [2])
        }
    }

    @Test func largeParametersAndResultsPass() async throws {
        try await withTestConnection { connection in
            let big = String(repeating: "x", count: 8 << 20)
            let results = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<6 {
                    group.addTask { try await connection.query("SELECT \(big)").decode(String.self)[0].utf8.count }
                }
                return try await group.reduce(0, +)
            }
            #expect(results == 6 * 8 << 20)
        }
    }

    @Test func tooManyParametersAreRefused() async throws {
        try await withTestConnection { connection in
            var binds = PostgresBindings()
            for number in 0...65_535 { binds.append(number) }
            let query = PostgresQuery(unsafeSQL: "SELECT 1", binds: binds)
            let error = await postgresError { _ = try await connection.query(query) }
            #expect(error?.code == .encoding)
        }
    }

    @Test func scriptsRunManyStatements() async throws {
        try await withTestConnection { connection in
            try await connection.executeScript("CREATE TEMP TABLE a (n int8); INSERT INTO a VALUES (1), (2); SELECT 1;")
            let failure = await postgresError {
                try await connection.executeScript("INSERT INTO a VALUES (3); SELECT 1/0; SELECT 2")
            }
            #expect(failure?.sqlState == .divisionByZero)
            let count = try await connection.query("SELECT count(*) FROM a").decode(Int.self)
            #expect(count == [2])
        }
    }

    @Test func copyIsRefused() async throws {
        try await withTestConnection { connection in
            let error = await postgresError { _ = try await connection.query("COPY pg_class TO STDOUT") }
            #expect(error != nil)
        }
    }

    @Test func closingAnswersWhatWasAccepted() async throws {
        try await withTestConnection { connection in
            try await withTestConnection { holder in
                try await holder.execute("SELECT pg_advisory_lock(77)")
                async let slow = connection.query("SELECT 7 FROM pg_advisory_lock(77)").decode(Int.self)
                async let queued = connection.query("SELECT 8").decode(Int.self)
                try await eventually("both are accepted") { await connection.jobs.count == 2 }
                async let closed: Void = connection.close()
                try await eventually("closing has begun") { connection.isClosed }
                try await holder.execute("SELECT pg_advisory_unlock(77)")
                let values = try await (slow, queued)
                #expect(values.0 == [7] && values.1 == [8])
                await closed
            }
            let error = await postgresError { _ = try await connection.query("SELECT 1") }
            #expect(error?.code == .connectionLost)
            await connection.close()
        }
    }

    @Test func aTerminatedBackendIsNoticed() async throws {
        try await withTestConnection { connection in
            try await withTestConnection { killer in
                async let running = postgresError { _ = try await connection.query("SELECT pg_sleep(60)") }
                try await eventually("it sleeps") { try await killer.isRunning(connection, "SELECT pg_sleep(60)") }
                try await killer.execute("SELECT pg_terminate_backend(\(connection.backendPID))")
                let error = await running
                #expect(error?.sqlState == .adminShutdown && error?.isConnectionLost == true)
                try await eventually("it is closed") { connection.isClosed }
            }
        }
    }
}

extension PostgresConnection {
    /// Whether `other` is executing this statement now.
    func isRunning(_ other: PostgresConnection, _ sql: String) async throws -> Bool {
        let count = try await query(
            """
            SELECT count(*) FROM pg_stat_activity
            WHERE pid = \(other.backendPID) AND state = 'active' AND query = \(sql) AND wait_event IS NOT NULL
            """
        ).decode(Int.self)
        return count == [1]
    }
}
