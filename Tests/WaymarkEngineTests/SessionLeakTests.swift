import Logging
import PostgresPQ
import Testing
import WaymarkTesting

@testable import Waymark
@testable import WaymarkEngine

/// Phases that set something in their session, beside requests that must not notice.
@Suite struct SessionLeakTests {
    private static let tables = "CREATE TABLE seen (key_id uuid PRIMARY KEY, memory text, tenant text);"

    /// What a phase says to the server.
    private static let settings = [
        "SET statement_timeout = '2s'", "SET work_mem = '3MB'", "SET app.tenant = 'a'",
        "SELECT set_config('app.tenant', 'a', true)",
    ]

    /// Sets what its request says, as a phase that waits for the database or as one that only writes.
    struct Setting: Saga {
        static let name = "setting"

        var body: some Step<[String], Int> {
            AtomicPhase("written", write)
            AtomicPhase("done", wait)
        }

        func write(_ settings: [String], _ writes: inout Writes) throws -> [String] {
            for setting in settings { writes.execute(PostgresQuery(unsafeSQL: setting)) }
            return settings
        }

        func wait(_ settings: [String], _ tx: Transaction) async throws -> Int {
            for setting in settings { try await tx.execute(PostgresQuery(unsafeSQL: setting)) }
            return settings.count
        }
    }

    /// Writes down what it finds set. The engine gives each transaction a `statement_timeout` of its own.
    struct Seeing: Saga {
        static let name = "seeing"

        var body: some Step<Int, Int> {
            AtomicPhase("seen", see)
            AtomicPhase("looked", look)
        }

        private static let found =
            "current_setting('work_mem'), coalesce(current_setting('app.tenant', true), '')"

        func see(_ number: Int, _ writes: inout Writes) throws -> Int {
            writes.execute("INSERT INTO seen SELECT \(writes.key.id), \(unescaped: Self.found)")
            return number
        }

        func look(_ number: Int, _ tx: Transaction) async throws -> Int {
            let found = try await tx.query("SELECT \(unescaped: Self.found)").decode((String, String).self)[0]
            if found != ("4MB", "") { throw Rejection(status: 409, type: "leak", title: "\(found)") }
            return number
        }
    }

    /// One transaction at a time is shared by whatever comes meanwhile, on a pool of few connections.
    @Test(.timeLimit(.minutes(2))) func whatAPhaseSetsEndsWithIt() async throws {
        try await TestDatabase.with(script: Self.tables, connections: 3) { database in
            var configuration = EngineConfiguration()
            configuration.coalescing = CoalescedRunTests.narrow
            let orchestrator = Orchestrator(
                postgres: database.client, sagas: try SagaRegistry([Setting(), Seeing()]),
                configuration: configuration, logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
            let scope = try Scope("tenant:1")
            let outcomes = try await withThrowingTaskGroup(of: String?.self) { group in
                for number in 0..<60 {
                    group.addTask {
                        let key = try IdempotencyKey("k\(number)")
                        guard number % 3 > 0 else {
                            let outcome = try await orchestrator.run(
                                Setting.self, key: key, scope: scope, request: Self.settings)
                            return outcome.response == Self.settings.count ? nil : "\(outcome)"
                        }
                        let outcome = try await orchestrator.run(Seeing.self, key: key, scope: scope, request: number)
                        return outcome.response == number ? nil : "\(outcome)"
                    }
                }
                return try await group.reduce(into: [String]()) { if let told = $1 { $0.append(told) } }
            }
            #expect(outcomes.isEmpty)
            let seen = try await database.client.query("SELECT DISTINCT memory, tenant FROM seen")
                .decode((String, String).self)
            #expect(seen.count == 1 && seen[0] == ("4MB", ""), "\(seen)")
        }
    }
}
