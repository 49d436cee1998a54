import Foundation
public import Logging
public import PostgresPQ
import Waymark

/// Brings the schema up to date. Safe to run from many processes at once; a file that was applied is never applied again,
/// and is refused when its text has changed since.
public struct Migrator: Sendable {
    /// How long to wait for locks.
    public struct Patience: Sendable {
        /// How long one attempt waits for a lock. Whoever wants the same table waits behind the migrator, so this is how
        /// long requests may stand still.
        public var lockTimeout: Duration = .milliseconds(300)
        /// The longest pause between attempts, in which others get their turn; the first ones are shorter.
        public var longestPause: Duration = .seconds(5)
        /// How long to go on trying.
        public var total: Duration = .minutes(5)

        public init() {}
    }

    private let postgres: PostgresClient
    private let schema: SchemaName
    private let applicationSchema: String?
    private let patience: Patience
    private let logger: Logger

    /// - Parameter applicationSchema: SQL for the application's own tables, run after the migrations in the same
    ///   transaction; it must be safe to run again.
    public init(
        postgres: PostgresClient, schema: SchemaName = .waymark, applicationSchema: String? = nil,
        patience: Patience = Patience(), logger: Logger = Logger(label: "waymark.migrator")
    ) {
        self.postgres = postgres
        self.schema = schema
        self.applicationSchema = applicationSchema
        self.patience = patience
        self.logger = logger
    }

    /// Applies what is missing, and the application's schema, all of it in one transaction.
    ///
    /// An attempt that does not get a lock soon is given up and made again, so that a long transaction of somebody else's
    /// holds up the migration alone.
    /// - Returns: the names of the files applied.
    /// - Throws: `WaymarkError` (`migration`) when an applied file was edited, the database's encoding is not UTF-8, or locks
    ///   were not to be had; `PostgresError` otherwise. Nothing is applied then.
    @discardableResult
    public func migrate() async throws -> [String] {
        try await refuseOtherEncodings()
        try await prepare()
        let start = ContinuousClock.now
        var attempt = 1
        while true {
            do {
                let applied = try await postgres.withConnection(attemptToMigrate)
                for name in applied { logger.info("migration applied", metadata: ["name": .string(name)]) }
                return applied
            } catch let error as PostgresError where error.isLockConflict {
                let holders = await lockHolders()
                guard .now - start < patience.total else { throw Self.lockError(error, holders) }
                logger.warning(
                    "a table is in use; the migration is rolled back and tried again",
                    metadata: [
                        "attempt": "\(attempt)", "error": .string(error.message),
                        "in_use_by": .array(holders.map(Logger.MetadataValue.string)),
                    ])
                try await Task.sleep(for: pause(after: attempt))
                attempt += 1
            }
        }
    }

    /// Checks that the database has this binary's migrations.
    /// - Throws: `WaymarkError` (`migration`) that says what is missing and how to mend it.
    public func verify() async throws {
        let files = MigrationFile.all(schema: schema)
        let missing: [MigrationFile]
        do {
            missing = try self.missing(of: files, recorded: try await recorded(postgres.query))
        } catch let error as PostgresError where error.sqlState == .undefinedTable {
            missing = files
        }
        if let first = missing.first {
            throw WaymarkError(.migration, "the database lacks migration \(first.name); run `waymark migrate`")
        }
    }
}

extension Migrator {
    private func attemptToMigrate(on connection: PostgresConnection) async throws -> [String] {
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

    private func applyMissing(on connection: PostgresConnection) async throws -> [String] {
        let table = MigrationFile.table(in: schema)
        // One migrator at a time: a table lock, which ends with the transaction, works behind every pooler. Nobody but
        // migrators waits for it, so it may take as long as the other migrator does.
        try await connection.execute("LOCK TABLE \(unescaped: table) IN SHARE ROW EXCLUSIVE MODE")
        let recorded = try await recorded(connection.query)
        let missing = try missing(of: MigrationFile.all(schema: schema), recorded: recorded)
        let milliseconds = Int((patience.lockTimeout.inSeconds * 1_000).rounded(.up))
        try await connection.execute("SET LOCAL lock_timeout = \(unescaped: "\(milliseconds)")")
        for file in missing {
            do {
                try await connection.executeScript("\(file.sql)\n\(file.record(in: schema))")
            } catch let error as PostgresError where error.isAlreadyThere {
                throw file.unrecordedError(in: schema, error)
            }
        }
        if let applicationSchema { try await connection.executeScript(applicationSchema) }
        return missing.map(\.name)
    }

    /// Refuses a database that cannot store every text, before anything is made in it.
    private func refuseOtherEncodings() async throws {
        let encoding = try await postgres.query("SELECT current_setting('server_encoding')").decode(String.self).first
        guard encoding == "UTF8" else {
            throw WaymarkError(
                .migration,
                "the database's encoding is \(encoding ?? "unknown") and must be UTF8: make one by "
                    + "CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0")
        }
    }

    /// Creates the schema and the table of migrations. Two processes that do it at once can trip over each other in the
    /// system catalogues (unique violations there), which a second try settles.
    private func prepare() async throws {
        for attempt in 1... {
            do {
                for statement in MigrationFile.preparation(in: schema) {
                    try await postgres.execute(PostgresQuery(unsafeSQL: statement))
                }
                return
            } catch let error as PostgresError where error.isConcurrentDDL && attempt < 10 {
                continue
            }
        }
    }

    private func recorded(
        _ query: (PostgresQuery) async throws -> PostgresRows
    ) async throws -> [String: Data] {
        let rows = try await query("SELECT name, checksum FROM \(unescaped: MigrationFile.table(in: schema))")
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

extension Migrator {
    /// How long to leave tables to others after so many attempts.
    private func pause(after attempt: Int) -> Duration {
        let ceiling = min(patience.lockTimeout * (1 << min(attempt, 10)), patience.longestPause)
        return ceiling * Double.random(in: 0.5...1)
    }

    /// The oldest transactions that hold tables of this database, for the message.
    private func lockHolders() async -> [String] {
        let rows = try? await postgres.query(
            """
            SELECT format('pid %s (%s) for %s s: %s', a.pid, a.application_name,
                extract(epoch FROM now() - a.xact_start)::integer, left(a.query, 80))
            FROM pg_stat_activity AS a
            WHERE a.datname = current_database() AND a.pid <> pg_backend_pid() AND a.xact_start IS NOT NULL
                AND EXISTS (SELECT FROM pg_locks AS l JOIN pg_class AS c ON c.oid = l.relation
                    WHERE l.pid = a.pid AND l.granted AND c.relkind = 'r' AND c.relnamespace <> 'pg_catalog'::regnamespace)
            ORDER BY a.xact_start LIMIT 3
            """
        ).decode(String.self)
        return rows ?? []
    }

    private static func lockError(_ error: PostgresError, _ holders: [String]) -> WaymarkError {
        let users = holders.isEmpty ? "" : "; in use by \(holders.joined(separator: ", "))"
        return WaymarkError(
            .migration,
            "a table stays in use, so nothing was applied (\(error.message))\(users); end what uses it, "
                + "or run `waymark migrate` again later")
    }
}

extension PostgresError {
    /// What `CREATE … IF NOT EXISTS` reports when another session creates the same at the same moment.
    fileprivate var isConcurrentDDL: Bool {
        ["23505", "42P06", "42P07", "42710"].contains(sqlState?.rawValue)
    }

    /// A lock that was not to be had in time, or not at all.
    fileprivate var isLockConflict: Bool { sqlState == .lockNotAvailable || sqlState == .deadlockDetected }

    /// A table or a column that a migration makes is there.
    fileprivate var isAlreadyThere: Bool { sqlState == .duplicateTable || sqlState?.rawValue == "42701" }
}
