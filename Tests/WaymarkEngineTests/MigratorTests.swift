import Foundation
import PostgresPQ
import Testing
import Waymark
import WaymarkEngine
import WaymarkTesting

@Suite struct MigratorTests {
    static let fresh = "DROP SCHEMA waymark CASCADE"

    @Test func manyMigratorsAtOnceApplyEachFileOnce() async throws {
        try await TestDatabase.with(script: Self.fresh, connections: 16) { database in
            let applied = try await withThrowingTaskGroup(of: [String].self) { group in
                for _ in 0..<16 { group.addTask { try await Migrator(postgres: database.client).migrate() } }
                return try await group.reduce(into: [String]()) { $0 += $1 }
            }
            #expect(applied == Migrator.migrations)
            try await Migrator(postgres: database.client).verify()
        }
    }

    @Test func refusesAnEditedFile() async throws {
        try await TestDatabase.with { database in
            let migrator = Migrator(postgres: database.client)
            try await database.client.execute("UPDATE waymark.migrations SET checksum = 'edited'")
            for operation in [{ _ = try await migrator.migrate() }, { try await migrator.verify() }] {
                let error = try await #require(throws: WaymarkError.self) { try await operation() }
                #expect(error.code == .migration)
                #expect(error.message.contains("0001_keys_and_jobs.sql was edited"))
            }
        }
    }

    @Test func goesOnWithADatabaseThatIsNewer() async throws {
        try await TestDatabase.with { database in
            try await database.client.execute("INSERT INTO waymark.migrations VALUES ('9999_later.sql', 'x')")
            let migrator = Migrator(postgres: database.client)
            #expect(try await migrator.migrate().isEmpty)
            try await migrator.verify()
        }
    }

    @Test func saysWhatIsMissing() async throws {
        try await TestDatabase.with(script: Self.fresh) { database in
            let error = try await #require(throws: WaymarkError.self) {
                try await Migrator(postgres: database.client).verify()
            }
            #expect(error.message.contains("waymark migrate"))
        }
    }

    @Test func theScriptIsWhatPsqlCanRunAndLivesInTheSchemaAskedFor() async throws {
        try await TestDatabase.with(script: Self.fresh) { database in
            let schema = try SchemaName("elsewhere")
            try await database.client.executeScript(Migrator.script(schema: schema))
            let tables = try await database.client.query(
                "SELECT table_schema || '.' || table_name FROM information_schema.tables WHERE table_name IN ('keys', 'jobs') ORDER BY 1"
            ).decode(String.self)
            #expect(tables == ["elsewhere.jobs", "elsewhere.keys"])
        }
    }

    @Test func everyFileOfTheFolderIsInTheBinary() throws {
        let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../../migrations")
        let files = try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0.hasSuffix(".sql") }
        let script = Migrator.script()
        for file in files { #expect(script.contains("-- \(file)\n"), "\(file) is not listed in Package.swift") }
        #expect(!files.isEmpty)
    }
}
