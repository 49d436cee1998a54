import Foundation
import Logging
import PostgresPQ
import Synchronization
import Testing
import Waymark
import WaymarkEngine
import WaymarkTesting

/// Migrations beside what else uses the database: other migrators, psql, long transactions; and databases that cannot be used.
@Suite struct MigratorNeighbourTests {
    private static let rides = "CREATE TABLE rides (id integer PRIMARY KEY)"
    private static let note = "ALTER TABLE rides ADD COLUMN IF NOT EXISTS note text"

    @Test func manyMigratorsAtOnceApplyTheApplicationsSchemaToo() async throws {
        let schema = (0..<8).map { number in
            """
            CREATE TABLE IF NOT EXISTS thing_\(number) (id integer PRIMARY KEY, name text UNIQUE);
            ALTER TABLE thing_\(number) ADD COLUMN IF NOT EXISTS note text;
            INSERT INTO thing_\(number) SELECT 1 WHERE NOT EXISTS (SELECT FROM thing_\(number));
            """
        }.joined()
        try await TestDatabase.with(script: MigratorTests.fresh, connections: 24) { database in
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<48 {
                    group.addTask {
                        try await Migrator(postgres: database.client, applicationSchema: schema).migrate()
                    }
                }
                try await group.waitForAll()
            }
            #expect(try await database.client.query("SELECT count(*) FROM thing_7").decode(Int.self) == [1])
        }
    }

    @Test func aLongReaderHoldsUpTheMigrationAndNobodyElse() async throws {
        try await TestDatabase.with(script: Self.rides) { database in
            let log = RecordedLog()
            try await database.client.withConnection { reader in
                try await reader.execute("BEGIN")
                try await reader.execute("SELECT FROM rides")
                let pid = try await reader.query("SELECT pg_backend_pid()::int8").decode(Int.self)[0]
                async let migrated = Migrator(
                    postgres: database.client, applicationSchema: Self.note, logger: log.logger
                ).migrate()
                do {
                    try await eventually("the migration steps aside, and says for whom") {
                        log.lines.contains { $0.contains("tried again") && $0.contains("pid \(pid) ") }
                    }
                    // Waits for no longer than one attempt, as the reader is still there.
                    _ = try await database.client.query("SELECT FROM rides")
                } catch {
                    try await reader.execute("ROLLBACK")
                    throw error
                }
                try await reader.execute("COMMIT")
                _ = try await migrated
            }
            _ = try await database.client.query("SELECT note FROM rides")
        }
    }

    @Test func aTableThatStaysInUseEndsTheMigrationWithAReason() async throws {
        try await TestDatabase.with(script: MigratorTests.fresh + ";" + Self.rides) { database in
            try await database.client.withConnection { reader in
                try await reader.execute("BEGIN")
                try await reader.execute("SELECT FROM rides")
                var patience = Migrator.Patience()
                patience.total = .zero
                let migrator = Migrator(
                    postgres: database.client, applicationSchema: Self.note, patience: patience,
                    logger: RecordedLog().logger)
                let error = try await #require(throws: WaymarkError.self) { try await migrator.migrate() }
                #expect(error.message.contains("SELECT FROM rides"), "\(error)")
                try await reader.execute("COMMIT")
            }
            let records = try await database.client.query("SELECT count(*) FROM waymark.migrations").decode(Int.self)
            #expect(records == [0], "nothing is applied")
        }
    }

    @Test func thePrintedScriptKeepsTheRecord() async throws {
        try await TestDatabase.with(script: MigratorTests.fresh) { database in
            let migrator = Migrator(postgres: database.client)
            try await database.client.executeScript(Migrator.script(applicationSchema: Self.rides))
            try await migrator.verify()
            #expect(try await migrator.migrate().isEmpty)
            // A second time it is refused whole.
            let error = try await #require(throws: PostgresError.self) {
                try await database.client.executeScript(Migrator.script(applicationSchema: "CREATE TABLE twice ()"))
            }
            #expect(error.constraint == "migrations_pkey")
            #expect(try await database.client.query("SELECT FROM pg_tables WHERE tablename = 'twice'").isEmpty)
        }
    }

    @Test func thePrintedScriptMendsADatabaseThatIsBehind() async throws {
        try await TestDatabase.with(script: MigratorTests.fresh) { database in
            let last = try #require(Migrator.migrations.last)
            let whole = Migrator.script()
            let cut = try #require(whole.range(of: "-- \(last)"))
            try await database.client.executeScript(whole[..<cut.lowerBound] + "COMMIT;")
            await #expect(throws: WaymarkError.self) { try await Migrator(postgres: database.client).verify() }
            try await database.client.executeScript(
                Migrator.script(after: Migrator.migrations[Migrator.migrations.count - 2]))
            try await Migrator(postgres: database.client).verify()
        }
    }

    /// As earlier versions' printed script left it.
    @Test func aDatabaseWithoutTheRecordIsToldHowToGoOn() async throws {
        try await TestDatabase.with { database in
            try await database.client.execute("DELETE FROM waymark.migrations")
            let migrator = Migrator(postgres: database.client)
            // One record is missing after the other; what can be repeated is.
            for _ in Migrator.migrations {
                do {
                    try await migrator.migrate()
                } catch let error as WaymarkError {
                    let record = try #require(error.message.range(of: "INSERT INTO"))
                    try await database.client.executeScript(String(error.message[record.lowerBound...]))
                }
            }
            try await migrator.verify()
        }
    }

    @Test func aDatabaseThatIsNotUTF8IsRefusedBeforeAnything() async throws {
        let server = try await TestDatabase.serverURL
        let name = "latin_\(UUID().uuidString.prefix(8).lowercased())"
        try await withPostgres(server, connections: 1) { admin in
            try await admin.execute(
                "CREATE DATABASE \(unescaped: name) ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")
            do {
                try await withPostgres("\(server) dbname=\(name)", connections: 2) { client in
                    let error = try await #require(throws: WaymarkError.self) {
                        try await Migrator(postgres: client).migrate()
                    }
                    #expect(error.message.hasPrefix("the database's encoding is LATIN1 and must be UTF8"))
                    // Statement by statement, as psql sends it.
                    let script = Migrator.script()
                    let making = try #require(script.range(of: "CREATE SCHEMA"))
                    let printed = try await #require(throws: PostgresError.self) {
                        try await client.executeScript(String(script[..<making.lowerBound]))
                    }
                    #expect(printed.message.contains("the encoding must be UTF8 and is LATIN1"), "\(printed)")
                    #expect(
                        try await client.query("SELECT FROM pg_namespace WHERE nspname = 'waymark'").isEmpty,
                        "nothing is left behind")
                }
            } catch {
                _ = try? await admin.execute("DROP DATABASE \(unescaped: name) WITH (FORCE)")
                throw error
            }
            try await admin.execute("DROP DATABASE \(unescaped: name) WITH (FORCE)")
        }
    }
}

/// A log that is kept in memory.
private final class RecordedLog: Sendable {
    private let recorded = Mutex<[String]>([])

    var lines: [String] { recorded.withLock(\.self) }

    var logger: Logger { Logger(label: "recorded") { _ in Handler(log: self) } }

    private struct Handler: LogHandler {
        let log: RecordedLog
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.info

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            log.recorded.withLock { $0.append("\(event.message) \(event.metadata ?? [:])") }
        }
    }
}
