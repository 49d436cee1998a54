import PostgresPQ
import Waymark

/// The settings of a transaction, or of statements that share a Sync. They end with it: no session state.
///
/// Each of them switches compilation (`jit`) off. PostgreSQL compiles a plan whose estimate is over `jit_above_cost`, at
/// every execution, and that takes longer than any statement of ours.
extension KeyStatements {
    /// Has the rest of a transaction planned as lookups in an index, whatever the planner believes of the table. A plan is
    /// kept, and one from when the table was empty would read all that has come since, for as long as it takes until
    /// the statistics are renewed.
    static let lookupsOnly = settings(lookupsOnly: true)

    /// Has the rest of a transaction not compiled, and planned as the database is set up to.
    static let uncompiled = settings()

    /// Has the rest of a transaction take rows in the order of an index, as long as it needs any, in place of sorting all.
    static let inIndexOrder: PostgresQuery = """
        SELECT set_config('jit', 'off', true), set_config('enable_seqscan', 'off', true),
            set_config('enable_bitmapscan', 'off', true)
        """

    /// Has the application's own statements planned as ever.
    static let usualPlans: PostgresQuery = "SET LOCAL enable_seqscan TO DEFAULT"

    /// Has the application's own statements wait for locks as long as its database is set up to.
    static let usualLockWait: PostgresQuery = "SET LOCAL lock_timeout TO DEFAULT"

    /// Has deferred constraints checked, and deferred triggers run, by a statement: the server bounds no COMMIT.
    static let deferredNow: PostgresQuery = "SET CONSTRAINTS ALL IMMEDIATE"

    /// For how long each statement of a transaction may run.
    enum StatementTime {
        /// For so long, whatever the database is set up to.
        case of(Duration)
        /// For so long, or for as long as the database is set up to where that is shorter.
        case atMost(Duration)

        /// The value of `statement_timeout`.
        fileprivate var sql: String {
            switch self {
            case .of(let time): "'\(time.setting)'"
            case .atMost(let time):
                """
                least(\(time.setting), nullif((extract(epoch FROM current_setting('statement_timeout')::interval) \
                * 1000)::bigint, 0))::text
                """
            }
        }
    }

    /// The settings of a transaction, in one statement.
    /// - Parameters:
    ///   - lockWait: for how long each statement waits for a lock; nil: as long as the database is set up to.
    ///   - statementTime: for how long each statement runs; nil: as long as the database is set up to.
    ///   - silence: for how long the server waits for the next statement before it ends the transaction; nil: as long as the
    ///     database is set up to.
    ///   - lookupsOnly: see ``lookupsOnly``.
    static func settings(
        lockWait: Duration? = nil, statementTime: StatementTime? = nil, silence: Duration? = nil,
        lookupsOnly: Bool = false
    ) -> PostgresQuery {
        var settings = ["set_config('jit', 'off', true)"]
        if let lockWait { settings.append("set_config('lock_timeout', '\(lockWait.setting)', true)") }
        if let statementTime { settings.append("set_config('statement_timeout', \(statementTime.sql), true)") }
        if let silence {
            settings.append("set_config('idle_in_transaction_session_timeout', '\(silence.setting)', true)")
        }
        if lookupsOnly { settings.append("set_config('enable_seqscan', 'off', true)") }
        return PostgresQuery(unsafeSQL: "SELECT \(settings.joined(separator: ", "))")
    }
}

extension Duration {
    /// The duration as a setting in milliseconds, at least one since 0 means no limit: the server's are 32 bits wide, some 24
    /// days.
    fileprivate var setting: String { String(Int(min(max(inSeconds * 1000, 1), Double(Int32.max)))) }
}
