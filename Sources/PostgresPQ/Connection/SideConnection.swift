/// A second connection to the server of another one, over which the server is told to cancel what the first one runs, or
/// to end its process.
///
/// libpq's cancel requests (up to version 16 of it) go over an unencrypted connection of their own, which a network that
/// lets only encrypted ones through does not carry. A side connection is encrypted by the same settings as the first.
actor SideConnection {
    enum Act { case cancel, terminate }

    enum Outcome: Equatable {
        /// The server has sent the signal.
        case sent
        /// The server has no such process of this user: a pooler in between has made the number up.
        case unknownProcess
        /// The server was not told, for this reason; it may be the next time.
        case failed(String)
    }

    /// A server that can be reached at all answers within a second or two; cancelling is given up after a few more.
    private static let connectTimeout = Duration.seconds(5)

    private let configuration: PostgresConfiguration
    private let backendPID: Int32
    private let isEncrypted: Bool
    private var connection: PostgresConnection?

    /// - Parameter configuration: what `wire` was made with.
    init(beside wire: Wire, _ configuration: PostgresConfiguration) {
        var configuration = configuration.replacing(wire.serverSettings)
        configuration.connectTimeout = min(configuration.connectTimeout, Self.connectTimeout)
        configuration.preparedStatements = false
        self.configuration = configuration
        backendPID = wire.backendPID
        isEncrypted = wire.isEncrypted
    }

    /// Tells the server.
    func perform(_ act: Act) async -> Outcome {
        do {
            let connection = try await open()
            let signalled = try await connection.query(statement(act)).decode(Bool.self)
            return signalled == [true] ? .sent : .unknownProcess
        } catch {
            await close()
            return .failed((error as? PostgresError)?.message ?? "\(error)")
        }
    }

    func close() async {
        await connection?.close()
        connection = nil
    }

    private func open() async throws -> PostgresConnection {
        if let connection, !connection.isClosed { return connection }
        let opened = try await PostgresConnection.connect(configuration)
        connection = opened
        guard opened.isEncrypted || !isEncrypted else {
            throw PostgresError(.connectFailed, "the server no longer encrypts connections")
        }
        return opened
    }

    /// A process of another user or database has the number by chance.
    private func statement(_ act: Act) -> PostgresQuery {
        let function = act == .cancel ? "pg_cancel_backend" : "pg_terminate_backend"
        return """
            SELECT \(unescaped: function)(pid) FROM pg_stat_activity
            WHERE pid = \(backendPID) AND usename = session_user AND datname = current_database()
            """
    }
}
