/// A PostgreSQL server of one's own: no password, no port, no administrator.
///
/// The server listens on a unix socket only, in a directory that nobody else may enter, and every connection is
/// trusted as the superuser `postgres`. ``open(at:settings:logger:)`` keeps a durable cluster in a folder;
/// ``temporary(settings:logger:)`` makes one that does not outlive this process.
///
/// PostgreSQL refuses to run as root. When the caller is root, the server runs as the account that owns the data, else
/// as `postgres`, else as `nobody`.
public struct PrivateCluster: Sendable {
    /// How ``stop(_:)`` treats the sessions that are still connected.
    public enum StopMode: String, Sendable, CaseIterable {
        /// Waits for every session to end by itself, for up to a minute.
        case smart
        /// Rolls open transactions back, disconnects everybody and shuts down cleanly.
        case fast
        /// Drops everything at once. The next start recovers from the write-ahead log, as after a crash.
        case immediate
    }

    let server: Server
    let watch: OwnerWatch?

    /// Whether this value's `open` or `temporary` started the server. By convention, who started it stops it.
    public let startedHere: Bool

    /// The folder that holds `data/` and `log`. It differs from the folder asked for when the server's account could
    /// not have reached that one.
    public var directory: String { server.place.directory }

    /// The server's log file.
    public var logFile: String { server.place.logFile }

    /// The folder that holds the server's socket: what libpq and psql take as `host`.
    public var socketDirectory: String { server.place.socketDirectory }

    /// The folder of the server's programs (`psql`, `pg_ctl`, …), of the server's own version.
    public var binaryDirectory: String { server.binaries.directory }

    /// What libpq needs to connect to the database `postgres`, in key/value form.
    public var connectionString: String { connectionString(database: "postgres") }

    /// What libpq needs to connect to `database`, in key/value form.
    public func connectionString(database: String) -> String {
        let values = [
            ("host", socketDirectory), ("port", String(ClusterPlace.port)), ("user", "postgres"), ("dbname", database),
        ]
        return values.map { key, value in "\(key)=\(Self.quoted(value))" }.joined(separator: " ")
    }

    /// The main server process, or nil when no server runs on this cluster.
    public var postmasterPID: Int32? { server.place.livePostmaster }

    /// `value` as libpq's key/value form wants it: bare when it is plain, else in single quotes.
    private static func quoted(_ value: String) -> String {
        let plain = value.utf8.allSatisfy {
            $0 > UInt8(ascii: " ") && $0 != UInt8(ascii: "'") && $0 != UInt8(ascii: "\\")
        }
        if plain, !value.isEmpty { return value }
        let escaped = value.flatMap { $0 == "'" || $0 == "\\" ? ["\\", $0] : [$0] }
        return "'\(String(escaped))'"
    }
}
