public import Foundation
public import PostgresPQ
public import Waymark

/// Looks at keys without touching them.
public struct KeyInspector: Sendable {
    /// Which keys to list.
    public struct Filter: Sendable {
        public var saga: String?
        public var scope: String?
        public var state: KeySummary.State?
        public var parkedReason: ParkedReason?
        /// The most keys to list, newest first.
        public var limit = 50

        public init() {}
    }

    private let postgres: PostgresClient
    private let schema: SchemaName
    private let keys: String

    public init(postgres: PostgresClient, schema: SchemaName = .waymark) {
        self.postgres = postgres
        self.schema = schema
        keys = "\(schema).keys"
    }

    /// The state of a row, in words of `KeySummary.State`.
    private static let state = """
        CASE WHEN done THEN CASE WHEN direction = 'forward' THEN 'finished' ELSE 'rejected' END
            WHEN parked_reason IS NOT NULL THEN 'parked'
            WHEN lease_until > now() THEN 'running'
            WHEN run_at > now() THEN CASE WHEN \(KeyStatements.isWaiting) THEN 'waiting' ELSE 'backoff' END
            ELSE 'due' END
        """

    /// Seconds until a row is due; null when it is parked or done.
    private static let due = """
        CASE WHEN NOT done AND parked_reason IS NULL THEN \(KeyStatements.seconds(from: "now()", to: "run_at")) END AS due_seconds
        """

    public func list(_ filter: Filter = Filter()) async throws -> [KeySummary] {
        try await rows(
            "id, scope, key, saga, recovery_point, state, attempts, \(Self.due), created_at, progressed_at", filter
        ).map(KeySummary.init)
    }

    /// What `list` finds, by these columns.
    func rows(_ columns: String, _ filter: Filter) async throws -> PostgresRows {
        try await postgres.query(
            """
            SELECT \(unescaped: columns)
            FROM (SELECT *, \(unescaped: Self.state) AS state FROM \(unescaped: keys)) AS k
            WHERE saga = coalesce(\(filter.saga)::text, saga) AND scope = coalesce(\(filter.scope)::text, scope)
                AND state = coalesce(\(filter.state?.rawValue)::text, state)
                AND (\(filter.parkedReason?.rawValue)::text IS NULL
                    OR parked_reason = \(filter.parkedReason?.rawValue)::text AND NOT done)
            ORDER BY created_at DESC LIMIT \(filter.limit)
            """
        )
    }

    /// One key by its id; nil when there is none.
    /// - Parameter values: whether to read the request, the outputs and the response, which may hold personal data.
    public func show(_ id: UUID, values: Bool = false) async throws -> KeyDetails? {
        let row = try await postgres.query(
            """
            SELECT id, scope, key, saga, recovery_point, \(unescaped: Self.state) AS state, attempts, created_at, progressed_at,
                saga_version, direction, fence, locked_by, parent_id, parent_event,
                CASE WHEN lease_until > now() THEN \(unescaped: KeyStatements.seconds(from: "now()", to: "lease_until")) END
                    AS lease_seconds,
                \(unescaped: Self.due), last_error, parked_reason, response_status, journal::text AS journal,
                branches::text AS branches, events::text AS events, extract(epoch FROM now())::float8 AS read_at,
                CASE WHEN \(values) THEN request::text END AS request,
                CASE WHEN \(values) THEN response_body END AS response
            FROM \(unescaped: keys) WHERE id = \(id)
            """
        ).first
        guard let row else { return nil }
        let children = try await postgres.query(KeyStatements.children(of: [id], in: keys)).map(ChildState.init)
        return try KeyDetails(row, values: values, children: children, audit: await audit(of: id))
    }

    /// What people did to a key, the earliest first; also where the key itself is gone.
    public func audit(of id: UUID) async throws -> [AuditEntry] {
        try await postgres.query(OperatorStatements(schema: schema).trail(of: id))
            .map { try $0.decode(AuditEntry.self) }
    }

    /// One key by what the client calls it.
    public func show(scope: Scope, key: IdempotencyKey, values: Bool = false) async throws -> KeyDetails? {
        try await show(KeyIdentity.rowID(scope: scope, key: key), values: values)
    }
}
