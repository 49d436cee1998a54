import Foundation
import PostgresPQ
import Subprocess
import Testing
import Waymark
import WaymarkEngine
import WaymarkTesting

/// The command line as people and scripts use it: the real executable, its output, its exit codes.
@Suite struct CommandTests {
    private static func run(_ arguments: [String], database: String = "host=/nowhere") async throws
        -> TestProcess.Ended<Void>
    {
        try await TestProcess.with("waymark", arguments, database: database) { try await $0.ended() }
    }

    private static func json(_ text: String) throws -> JSONValue { try JSONValue(parsing: text) }

    @Test func listsSagasWithoutADatabase() async throws {
        let table = try await Self.run(["sagas", "list"])
        #expect(table.status == .exited(0))
        let rows = table.log.split(separator: "\n").map { $0.split(separator: " ") }
        #expect(rows.contains(["book-ride", "1", "RideRequest", "Confirmation", "3"]))
        #expect(rows.contains(["withdraw-funds", "1", "WithdrawalRequest", "Payout", "3"]))
        let json = try await Self.run(["sagas", "list", "--json"])
        guard case .array(let sagas) = try Self.json(json.log), case .object(let saga) = sagas.first else {
            Issue.record("not a list of sagas: \(json.log)")
            return
        }
        #expect(saga["name"] == .string("book-ride"))
    }

    @Test func showsASagasSteps() async throws {
        let shown = try await Self.run(["sagas", "show", "book-ride"])
        #expect(shown.log.contains("charge_created  foreign call, keyed for 24 h"))
        let unknown = try await Self.run(["sagas", "show", "nope"])
        #expect(unknown.status == .exited(64))
        #expect(unknown.log.contains("book-ride"), "says which there are")
    }

    @Test func drawsASaga() async throws {
        #expect(try await Self.run(["sagas", "diagram", "book-ride"]).log.hasPrefix("flowchart TD"))
        let dot = try await Self.run(["sagas", "diagram", "book-ride", "--format", "dot"])
        #expect(dot.log.hasPrefix("digraph"))
    }

    @Test func printsTheSchemaForPsql() async throws {
        let printed = try await Self.run(["migrate", "--print"])
        #expect(printed.status == .exited(0))
        try await TestDatabase.with(script: "DROP SCHEMA waymark CASCADE") { database in
            try await database.client.executeScript(printed.log)
            let tables = try await database.client.query("SELECT count(*) FROM waymark.keys").decode(Int.self)
            #expect(tables == [0])
        }
    }

    @Test func aDatabaseMadeByThePrintedSchemaIsAcceptedByMigrateAndByProcesses() async throws {
        let printed = try await Self.run(["migrate", "--print"])
        try await TestDatabase.with(script: "DROP SCHEMA waymark CASCADE") { database in
            try await database.client.executeScript(printed.log)
            let migrated = try await Self.run(["migrate"], database: database.url)
            #expect(migrated.log == "up to date\n")
            #expect(migrated.status == .exited(0))
            let checked = try await Self.run(["sagas", "check"], database: database.url)
            #expect(checked.status == .exited(0), "\(checked.log)")
        }
    }

    @Test func printsOnlyWhatADatabaseLacks() async throws {
        let later = try await Self.run(["migrate", "--print", "--after", Migrator.migrations[0]])
        #expect(!later.log.contains("-- \(Migrator.migrations[0])"))
        #expect(later.log.contains("-- \(Migrator.migrations[1])"))
        let unknown = try await Self.run(["migrate", "--print", "--after", "0002"])
        #expect(unknown.status == .exited(64))
        #expect(unknown.log.contains(Migrator.migrations[1]), "says which there are")
    }

    @Test func migratesOnce() async throws {
        try await TestDatabase.with(script: "DROP SCHEMA waymark CASCADE") { database in
            let first = try await Self.run(["migrate"], database: database.url)
            #expect(first.log == Migrator.migrations.map { "applied \($0)\n" }.joined())
            let second = try await Self.run(["migrate", "--json"], database: database.url)
            #expect(try Self.json(second.log) == .object(["applied": .array([])]))
        }
    }

    @Test func listsAndShowsKeys() async throws {
        try await TestDatabase.with { database in
            let empty = try await Self.run(["keys", "list", "--json"], database: database.url)
            #expect(try Self.json(empty.log) == .array([]))
            let orchestrator = Orchestrator(postgres: database.client, sagas: try SagaRegistry([Greet()]))
            _ = try await orchestrator.run(
                Greet.self, key: IdempotencyKey("hello"), scope: Scope("tenant:1"), request: "secret request")
            let listed = try await Self.run(["keys", "list", "--state", "finished"], database: database.url)
            #expect(listed.log.contains("tenant:1  hello  greet"))
            let parked = try await Self.run(["keys", "list", "--state", "parked", "--json"], database: database.url)
            #expect(try Self.json(parked.log) == .array([]))
            let shown = try await Self.run(
                ["keys", "show", "--scope", "tenant:1", "--key", "hello"], database: database.url)
            #expect(shown.status == .exited(0))
            #expect(shown.log.contains("step greeted"))
            #expect(!shown.log.contains("secret"), "values are shown only where asked for")
            let values = try await Self.run(
                ["keys", "show", "--scope", "tenant:1", "--key", "hello", "--values", "--json"], database: database.url)
            #expect(values.log.contains("secret request"))
            let none = try await Self.run(["keys", "show", UUID().uuidString], database: database.url)
            #expect(none.status == .exited(1))
        }
    }

    @Test func startsAPrivateClusterAndStopsIt() async throws {
        let ended = try await TestProcess.with(
            "waymark", ["migrate", "--private-cluster", "{folder}/cluster", "--log-level", "info"], database: ""
        ) { try await $0.ended() }
        #expect(ended.status == .exited(0))
        #expect(ended.log.contains("started a PostgreSQL server"))
        #expect(ended.log.contains("applied 0001_keys_and_jobs.sql"))
        #expect(ended.log.contains("stopped a PostgreSQL server"))
    }
}

private struct Greet: Saga {
    static let name = "greet"

    var body: some Step<String, String> {
        AtomicPhase("greeted") { (name: String, _: Transaction) in "hello, \(name)" }
    }
}
