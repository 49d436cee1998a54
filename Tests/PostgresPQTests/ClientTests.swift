import Foundation
import Logging
import PostgresPQ
import ServiceLifecycle
import Synchronization
import Testing
import WaymarkTesting

@Suite struct ClientTests {
    @Test func tenThousandQueriesOnFourConnections() async throws {
        try await withTestClient({
            $0.maximumConnections = 4
            $0.waitTimeout = .seconds(120)
        }) { client in
            let pids = try await withThrowingTaskGroup(of: (Int, Int32).self) { group in
                for number in 0..<10_000 {
                    group.addTask {
                        let rows = try await client.query("SELECT \(number), pg_backend_pid()")
                        return try rows.decode((Int, Int32).self)[0]
                    }
                }
                var sum = 0
                var pids: Set<Int32> = []
                for try await (number, pid) in group {
                    sum += number
                    pids.insert(pid)
                }
                #expect(sum == 49_995_000)
                return pids
            }
            #expect((1...4).contains(pids.count))
        }
    }

    @Test func waitingEndsInTime() async throws {
        try await withTestClient({
            $0.maximumConnections = 1
            $0.waitTimeout = .milliseconds(200)
        }) { client in
            try await eventually("the pool is up") { (try? await client.query("SELECT 1")) != nil }
            try await client.withConnection { _ in
                let error = await postgresError { _ = try await client.query("SELECT 1") }
                #expect(error?.code == .poolTimeout && error?.underlying == nil)
            }
            try await eventually("the connection is lent again") { (try? await client.query("SELECT 1")) != nil }
        }
    }

    @Test func aCancelledWaiterLeavesAtOnce() async throws {
        try await withTestClient({ $0.maximumConnections = 1 }) { client in
            try await client.withConnection { _ in
                let waiter = Task { try await client.query("SELECT 1") }
                waiter.cancel()
                await #expect(throws: CancellationError.self) { try await waiter.value }
            }
            let one = try await client.query("SELECT 1").decode(Int.self)
            #expect(one == [1])
        }
    }

    @Test func queriesBeforeRunWaitForIt() async throws {
        let configuration = try await testConfiguration()
        let client = PostgresClient(configuration: configuration)
        async let early = client.query("SELECT 5").decode(Int.self)
        let running = Task { try await client.run() }
        let five = try await early
        running.cancel()
        try await running.value
        #expect(five == [5])
        let error = await postgresError { _ = try await client.query("SELECT 1") }
        #expect(error?.code == .poolClosed)
    }

    @Test func withoutRunTheTimeoutSaysSo() async throws {
        var configuration = try await testConfiguration()
        configuration.waitTimeout = .milliseconds(50)
        let client = PostgresClient(configuration: configuration)
        let error = await postgresError { _ = try await client.query("SELECT 1") }
        #expect(error?.code == .poolTimeout && error?.message.contains("run()") == true)
    }

    @Test func aMissingDatabaseIsReportedAtOnce() async throws {
        let url = try await TestDatabase.serverURL + " dbname=no_such_database"
        try await withTestClient(url: url) { client in
            let error = await postgresError { _ = try await client.query("SELECT 1") }
            #expect(error?.code == .connectFailed && error?.sqlState == .databaseDoesNotExist)
        }
    }

    @Test func anUnreachableServerIsTheReasonOfTheTimeout() async throws {
        try await withTestClient(url: "host=/nonexistent/socket", { $0.waitTimeout = .milliseconds(200) }) { client in
            // On a busy machine the first attempt to connect may not have been made in time.
            try await eventually("an attempt to connect has failed") {
                let error = await postgresError { _ = try await client.query("SELECT 1") }
                #expect(error?.code == .poolTimeout)
                return (error?.underlying as? PostgresError)?.code == .connectFailed
            }
        }
    }

    @Test func aConnectionLeftInATransactionIsNotLentAgain() async throws {
        try await withTestClient({ $0.maximumConnections = 1 }) { client in
            let pid = try await client.withConnection { connection in
                try await connection.execute("BEGIN")
                return connection.backendPID
            }
            let next = try await client.query("SELECT pg_backend_pid()").decode(Int32.self)
            #expect(next != [pid])
        }
    }

    @Test func aTerminatedIdleConnectionIsReplaced() async throws {
        try await withTestClient({ $0.maximumConnections = 1 }) { client in
            let pid = try await client.withConnection { $0.backendPID }
            try await withTestConnection { killer in
                try await killer.execute("SELECT pg_terminate_backend(\(pid))")
                try await eventually("the backend is gone") {
                    try await killer.query("SELECT 1 FROM pg_stat_activity WHERE pid = \(pid)").isEmpty
                }
            }
            // The pool hears of it on another thread, so one attempt may still meet the dead connection.
            try await eventually("it is replaced") { (try? await client.query("SELECT 1")) != nil }
        }
    }

    @Test func idleConnectionsAreCheckedAndStayUsable() async throws {
        try await withTestClient({
            $0.maximumConnections = 1
            $0.idleCheckAfter = .milliseconds(20)
        }) { client in
            let pid = try await client.withConnection { $0.backendPID }
            try await withTestConnection { observer in
                try await eventually("it is checked") {
                    let query: PostgresQuery = "SELECT query FROM pg_stat_activity WHERE pid = \(pid)"
                    return try await observer.query(query).decode(String.self) == ["SELECT 1"]
                }
            }
            let one = try await client.query("SELECT 1").decode(Int.self)
            #expect(one == [1])
        }
    }

    @Test func transactionsCommitThroughThePool() async throws {
        try await withTestClient { client in
            let value = try await client.withTransaction(isolation: .repeatableRead, opening: ["SELECT 1"]) {
                transaction in
                try await transaction.query("SELECT 42").decode(Int.self)[0]
            } closing: { value in
                ["SELECT \(value)"]
            }
            let each = try await client.pipelineEach(["SELECT 1", "SELECT 1/0"])
            let all = try await client.pipeline(["SELECT 1", "SELECT 2"])
            #expect(value == 42 && each.count == 2 && all.count == 2)
        }
    }

    @Test func shutdownLetsLentConnectionsFinish() async throws {
        let configuration = try await testConfiguration()
        let client = PostgresClient(configuration: configuration)
        let group = ServiceGroup(configuration: .init(services: [client], logger: .init(label: "test")))
        let running = Task { try await group.run() }
        try await client.withConnection { connection in
            await group.triggerGracefulShutdown()
            try await eventually("nothing new is accepted") {
                await postgresError { _ = try await client.query("SELECT 1") }?.code == .poolClosed
            }
            let one = try await connection.query("SELECT 1").decode(Int.self)
            #expect(one == [1])
        }
        try await running.value
    }

    @Test func shutdownDoesNotWaitForEver() async throws {
        var configuration = try await testConfiguration()
        configuration.shutdownTimeout = .milliseconds(50)
        let client = PostgresClient(configuration: configuration)
        let running = Task { try await client.run() }
        try await client.withConnection { connection in
            running.cancel()
            try await running.value
            let error = await postgresError { _ = try await connection.query("SELECT 1") }
            #expect(error?.code == .connectionLost)
        }
    }
}
