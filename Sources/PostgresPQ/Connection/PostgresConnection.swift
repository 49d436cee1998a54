import CLibPQ
public import Logging
import Synchronization

/// One connection to PostgreSQL.
///
/// Any number of tasks may use it at once: their statements are pipelined, in call order, without waiting for each
/// other's answers. Statements of different calls are independent of each other. A connection is made with
/// ``connect(_:logger:)`` and should be closed with ``close()``; most programs use a ``PostgresClient`` instead.
///
/// Cancelling a task takes its statement back if it was not sent yet, and otherwise has the server cancel it, unless
/// statements of other callers were sent behind it: those must not be hit, so the statement is then waited for. Where the
/// connection is encrypted, so is the request to cancel. A statement that the server does not give up within ten seconds
/// costs the connection, and its process on the server.
public actor PostgresConnection {
    private static let lastID = Atomic(0)

    /// A number that no other connection of this process has.
    public nonisolated let id: Int
    /// The process on the server that serves this connection (`pg_backend_pid()`).
    public nonisolated let backendPID: Int32

    nonisolated let loop: EventLoop
    nonisolated let flags = ConnectionFlags()
    let wire: Wire
    let logger: Logger
    /// What it was made with.
    let configuration: PostgresConfiguration
    let onClose: @Sendable (PostgresConnection) -> Void

    var machine = PipelineStateMachine()
    var statements: StatementCache
    var jobs: [Int: RunningJob] = [:]
    var isFlushing = false
    var closeWaiters: [CheckedContinuation<Void, Never>] = []
    /// Where a statement is being cancelled by way of a second connection.
    var sideConnection: SideConnection?

    public nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    /// What goes over it is encrypted, by TLS or GSSAPI.
    public nonisolated var isEncrypted: Bool { wire.isEncrypted }

    /// The connection is gone, or is being closed.
    public nonisolated var isClosed: Bool { flags.isClosed.load(ordering: .acquiring) }

    /// The server went away, or takes no writes any more: other connections to it are of no use either.
    nonisolated var isServerLost: Bool { flags.isServerLost.load(ordering: .acquiring) }

    init(
        wire: Wire,
        configuration: PostgresConfiguration,
        logger: Logger,
        onClose: @escaping @Sendable (PostgresConnection) -> Void
    ) {
        id = Self.lastID.add(1, ordering: .relaxed).newValue
        backendPID = wire.backendPID
        self.wire = wire
        loop = wire.loop
        self.configuration = configuration
        self.logger = logger
        self.onClose = onClose
        statements = StatementCache(
            limit: configuration.preparedStatements ? configuration.preparedStatementLimit : 0)
    }

    deinit {
        wire.shutDown()
    }

    /// Connects.
    ///
    /// Throws ``PostgresError/Code/connectFailed``, with the server's `sqlState` when it was the server that refused,
    /// or `CancellationError`.
    public static func connect(
        _ configuration: PostgresConfiguration,
        logger: Logger = Logger(label: "postgres")
    ) async throws -> PostgresConnection {
        try await connect(configuration, logger: logger, onClose: { _ in })
    }

    /// Closes the connection, after the statements that were already accepted have been answered.
    ///
    /// New statements throw ``PostgresError/Code/connectionLost``. Closing a closed connection does nothing.
    public func close() async {
        await withCheckedContinuation { continuation in
            beginClosing(continuation)
        }
    }
}

/// What others may ask about a connection without waiting for it.
final class ConnectionFlags: Sendable {
    let isClosed = Atomic(false)
    /// The server has a transaction open that no running statement belongs to.
    let isInTransaction = Atomic(false)
    /// A statement has set something in the session that outlives its transaction.
    let isDirty = Atomic(false)
    /// The server went away, or takes no writes any more.
    let isServerLost = Atomic(false)
    private let unitIDs = Atomic(0)

    func takeUnitID() -> Int { unitIDs.add(1, ordering: .relaxed).newValue }
}
