import Crypto
import Foundation
import PostgresPQ
import Waymark
import WaymarkMigrations

/// One numbered file of the `migrations` folder.
struct MigrationFile: Sendable {
    let name: String
    /// Its text, for the schema asked for.
    let sql: String
    /// SHA-256 of the file as it is in the repository, whatever the schema.
    let checksum: Data

    static func all(schema: SchemaName) -> [MigrationFile] {
        Migrations.files.map { file in
            let text = String(decoding: file.bytes, as: UTF8.self)
            return MigrationFile(
                name: file.name, sql: text.replacing("waymark.", with: "\(schema)."),
                checksum: Data(SHA256.hash(data: file.bytes)))
        }
    }

    /// The table that says which files were applied.
    static func table(in schema: SchemaName) -> String { "\(schema).migrations" }

    /// The statements that make the schema and that table.
    static func preparation(in schema: SchemaName) -> [String] {
        [
            "CREATE SCHEMA IF NOT EXISTS \(schema)",
            """
            CREATE TABLE IF NOT EXISTS \(table(in: schema)) (
                name text PRIMARY KEY, checksum bytea NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())
            """,
        ]
    }

    /// The statement that records the file as applied.
    func record(in schema: SchemaName) -> String {
        let digits = checksum.map { byte in (byte < 16 ? "0" : "") + String(byte, radix: 16) }.joined()
        return "INSERT INTO \(Self.table(in: schema)) (name, checksum) VALUES ('\(name)', '\\x\(digits)');\n"
    }

    /// Says how to go on with a database that has the file's tables, but no record of it.
    func unrecordedError(in schema: SchemaName, _ error: PostgresError) -> WaymarkError {
        WaymarkError(
            .migration,
            "the database has what \(name) makes (\(error.message)), and no record of it: if that file was applied by hand, "
                + "record it and run `waymark migrate` again: \(record(in: schema))")
    }
}

extension Migrator {
    /// The names of this binary's migrations, in order.
    public static var migrations: [String] { MigrationFile.all(schema: .waymark).map(\.name) }

    /// The migrations of this binary, and the application's schema after them, as SQL that psql can run: one transaction,
    /// which also keeps the record that `migrate` and every process look at.
    /// - Parameters:
    ///   - last: the last migration that the database has; only later ones are in the script.
    ///   - applicationSchema: SQL for the application's own tables.
    public static func script(
        schema: SchemaName = .waymark, after last: String? = nil, applicationSchema: String? = nil
    ) -> String {
        let files = MigrationFile.all(schema: schema).filter { file in last.map { file.name > $0 } ?? true }
        // The record comes first: of a file that was applied before, it says so.
        let parts =
            files.map { "-- \($0.name)\n\n\($0.record(in: schema))\n\($0.sql)" }
            + (applicationSchema.map { ["\($0)\n;"] } ?? [])
        return """
            BEGIN;

            \(encodingCheck)
            \(MigrationFile.preparation(in: schema).map { $0 + ";\n" }.joined())
            \(parts.joined(separator: "\n"))
            COMMIT;

            """
    }

    /// A statement that fails, in words, where the encoding is not UTF-8.
    private static let encodingCheck = """
        SELECT CASE WHEN current_setting('server_encoding') = 'UTF8' THEN 0
            ELSE ('the encoding must be UTF8 and is ' || current_setting('server_encoding'))::integer END AS encoding_errors;
        """
}
