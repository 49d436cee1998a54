import Crypto
import Foundation
public import Logging
public import PostgresPQ
import Waymark
import WaymarkMigrations

/// Brings the schema up to date. Safe to run from many processes at once; a file that was applied is never applied again,
/// and is refused when its text has changed since.
public struct Migrator: Sendable {
    private let postgres: PostgresClient
    private let schema: SchemaName
    private let logger: Logger

    public init(
        postgres: PostgresClient, schema: SchemaName = .waymark, logger: Logger = Logger(label: "waymark.migrator")
    ) {
        self.postgres = postgres
        self.schema = schema
        self.logger = logger
    }

    /// The migrations of this binary as SQL that psql can run, in order.
    public static func script(schema: SchemaName = .waymark) -> String {
        let files = MigrationFile.all(schema: schema).map { "-- \($0.name)\n\n\($0.sql)" }
        return "CREATE SCHEMA IF NOT EXISTS \(schema);\n\n" + files.joined(separator: "\n")
    }

    /// Applies what is missing, all of it in one transaction, and gives the names of the files applied.
    /// - Throws: `WaymarkError` (`migration`) when an applied file was edited; `PostgresError` otherwise. Nothing is applied
    ///   then.
    @discardableResult
    public func migrate() async throws -> [String] {
        try await prepare()
        let applied = try await postgres.withConnection { connection in
            try await connection.execute("BEGIN")
            do {
                let applied = try await applyMissing(on: connection)
                try await connection.execute("COMMIT")
                return applied
            } catch {
                // The first error counts; a connection that cannot roll back is not lent again.
                _ = try? await connection.execute("ROLLBACK")
                throw error
            }
        }
        for name in applied { logger.info("migration applied", metadata: ["name": .string(name)]) }
        return applied
    }

    private func applyMissing(on connection: PostgresConnection) async throws -> [String] {
        // One migrator at a time: a table lock, which ends with the transaction, works behind every pooler.
        try await connection.execute("LOCK TABLE \(unescaped: table) IN ACCESS EXCLUSIVE MODE")
        let files = MigrationFile.all(schema: schema)
        let missing = try missing(of: files, recorded: try await recorded(connection.query))
        for file in missing {
            try await connection.executeScript(file.sql)
            try await connection.execute(
                "INSERT INTO \(unescaped: table) (name, checksum) VALUES (\(file.name), \(file.checksum))")
        }
        return missing.map(\.name)
    }

    /// Checks that the database has this binary's migrations.
    /// - Throws: `WaymarkError` (`migration`) that says what is missing and how to mend it.
    public func verify() async throws {
        let files = MigrationFile.all(schema: schema)
        let missing: [MigrationFile]
        do {
            missing = try self.missing(of: files, recorded: try await recorded(postgres.query))
        } catch let error as PostgresError where error.sqlState == SQLState(rawValue: "42P01") {
            missing = files
        }
        if let first = missing.first {
            throw WaymarkError(.migration, "the database lacks migration \(first.name); run `waymark migrate`")
        }
    }

    private var table: String { "\(schema).migrations" }

    /// Creates the schema and the table of migrations. Two processes that do it at once can trip over each other in the
    /// system catalogues (unique violations there), which a second try settles.
    private func prepare() async throws {
        for attempt in 1... {
            do {
                try await postgres.execute("CREATE SCHEMA IF NOT EXISTS \(unescaped: schema.description)")
                try await postgres.execute(
                    """
                    CREATE TABLE IF NOT EXISTS \(unescaped: table) (
                        name text PRIMARY KEY, checksum bytea NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())
                    """)
                return
            } catch let error as PostgresError where error.isConcurrentDDL && attempt < 10 {
                continue
            }
        }
    }

    private func recorded(
        _ query: (PostgresQuery) async throws -> PostgresRows
    ) async throws -> [String: Data] {
        let rows = try await query("SELECT name, checksum FROM \(unescaped: table)")
        return Dictionary(uniqueKeysWithValues: try rows.decode((String, Data).self))
    }

    private func missing(of files: [MigrationFile], recorded: [String: Data]) throws -> [MigrationFile] {
        for name in recorded.keys.sorted() where !files.contains(where: { $0.name == name }) {
            // The middle of a rolling deployment: migrations only add, so an older binary goes on.
            logger.warning("the database is newer than this binary", metadata: ["migration": .string(name)])
        }
        return try files.filter { file in
            guard let checksum = recorded[file.name] else { return true }
            guard checksum == file.checksum else {
                throw WaymarkError(.migration, "migration \(file.name) was edited after it had been applied")
            }
            return false
        }
    }
}

extension PostgresError {
    /// What `CREATE … IF NOT EXISTS` reports when another session creates the same at the same moment.
    fileprivate var isConcurrentDDL: Bool {
        ["23505", "42P06", "42P07", "42710"].contains(sqlState?.rawValue)
    }
}
