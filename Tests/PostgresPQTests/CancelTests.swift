import Testing
import WaymarkTesting

@testable import PostgresPQ

@Suite struct CancelTests {
    private let sleep: PostgresQuery = "SELECT pg_sleep(60)"

    @Test func aRunningStatementIsCancelledAndTheConnectionLivesOn() async throws {
        try await withTestConnection { connection in
            try await withTestConnection { observer in
                for _ in 0..<5 {
                    let task = Task { try await connection.query(sleep) }
                    try await eventually("it sleeps") { try await observer.isRunning(connection, sleep.sql) }
                    task.cancel()
                    await #expect(throws: CancellationError.self) { try await task.value }
                    let one = try await connection.query("SELECT 1").decode(Int.self)
                    #expect(one == [1])
                }
            }
        }
    }

    @Test func aNeighbourIsNeverHit() async throws {
        try await withTestConnection { connection in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for number in 0..<300 {
                    group.addTask {
                        let task = Task { try await connection.query("SELECT 1 FROM pg_sleep(0.002)") }
                        if number % 2 == 0 { task.cancel() }
                        do {
                            _ = try await task.value
                        } catch is CancellationError {
                            #expect(number % 2 == 0)
                        }
                    }
                }
                try await group.waitForAll()
            }
            let one = try await connection.query("SELECT 1").decode(Int.self)
            #expect(one == [1])
        }
    }

    @Test func aCancelledTaskSendsNothing() async throws {
        try await withTestConnection { connection in
            try await connection.execute("CREATE TEMP TABLE marks (n int8)")
            let task = Task {
                try? await Task.sleep(for: .seconds(60))
                return try await connection.execute("INSERT INTO marks VALUES (1)")
            }
            task.cancel()
            await #expect(throws: CancellationError.self) { try await task.value }
            let count = try await connection.query("SELECT count(*) FROM marks").decode(Int.self)
            #expect(count == [0])
        }
    }

    @Test func aStatementTimeoutIsTheServersError() async throws {
        try await withTestConnection { connection in
            try await connection.execute("SET statement_timeout = 20")
            let error = await postgresError { _ = try await connection.query(sleep) }
            #expect(error?.code == .server && error?.sqlState == .queryCanceled)
        }
    }

    @Test func aCancelledTransactionIsRolledBack() async throws {
        try await withTestConnection { connection in
            try await connection.execute("CREATE TEMP TABLE marks (n int8)")
            try await withTestConnection { observer in
                for swallows in [false, true] {
                    let task = Task {
                        try await connection.withTransaction(opening: ["INSERT INTO marks VALUES (1)"]) { transaction in
                            do {
                                _ = try await transaction.query(sleep)
                            } catch {
                                #expect(error is CancellationError)
                                if !swallows { throw error }
                            }
                        }
                    }
                    try await eventually("it sleeps") { try await observer.isRunning(connection, sleep.sql) }
                    task.cancel()
                    await #expect(throws: CancellationError.self) { try await task.value }
                    let count = try await connection.query("SELECT count(*) FROM marks").decode(Int.self)
                    #expect(count == [0])
                }
            }
        }
    }

    @Test func theOpeningsCancellationIsNotItsFailure() async throws {
        try await withTestConnection { connection in
            try await withTestConnection { observer in
                let task = Task {
                    try await connection.withTransaction(opening: [sleep]) { transaction in
                        _ = try await transaction.query("SELECT 1")
                    }
                }
                try await eventually("it sleeps") { try await observer.isRunning(connection, sleep.sql) }
                task.cancel()
                await #expect(throws: CancellationError.self) { try await task.value }
            }
        }
    }

    @Test func aCommitInFlightIsNotCancelled() async throws {
        try await withTestConnection { connection in
            try await connection.execute("CREATE TEMP TABLE marks (n int8)")
            try await withTestConnection { observer in
                let blocked = "SELECT pg_advisory_xact_lock(78)"
                try await observer.execute("SELECT pg_advisory_lock(78)")
                let task = Task {
                    try await connection.withTransaction { transaction in
                        try await transaction.execute("INSERT INTO marks VALUES (1)")
                    } closing: { _ in
                        [PostgresQuery(unsafeSQL: blocked)]
                    }
                }
                try await eventually("it waits for the lock") { try await observer.isRunning(connection, blocked) }
                task.cancel()
                try await observer.execute("SELECT pg_advisory_unlock(78)")
                _ = try await task.value
                let count = try await connection.query("SELECT count(*) FROM marks").decode(Int.self)
                #expect(count == [1])
            }
        }
    }

    @Test func aCancelledPipelineTellsWhatBecameOfEach() async throws {
        try await withTestConnection { connection in
            try await withTestConnection { observer in
                let task = Task { try await connection.pipelineEach(["SELECT 1", sleep]) }
                try await eventually("it sleeps") { try await observer.isRunning(connection, sleep.sql) }
                task.cancel()
                let codes = try await task.value.map { result in
                    if case .failure(let error) = result { error.code } else { nil as PostgresError.Code? }
                }
                #expect(codes == [nil, .cancelled])
            }
        }
    }
}
