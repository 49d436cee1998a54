/// The server's settings: ours, and over them the caller's.
struct ServerSettings: Sendable {
    /// Whether committed data must survive the machine.
    let durable: Bool
    let overrides: [String: String]

    /// What every private cluster starts from.
    private static let common = [
        "listen_addresses": "",
        "max_connections": "200",
        "shared_buffers": "128MB",
        "wal_compression": "on",
        "max_wal_size": "2GB",
        "checkpoint_timeout": "15min",
        "random_page_cost": "1.1",
        // Short statements gain nothing from compilation, and the first one would wait for it.
        "jit": "off",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "log_line_prefix": "%m [%p] %q%a ",
    ]

    /// What a cluster gives up that only its own process will ever read. `synchronous_commit` stays on: a commit that
    /// was acknowledged must survive the kill of a server, also in a test.
    private static let throwAway = ["fsync": "off", "full_page_writes": "off"]

    /// The text of a configuration file, for a server whose socket goes into `socketDirectory`.
    func file(socketDirectory: String) -> String {
        var values = Self.common
        if !durable { values.merge(Self.throwAway) { _, new in new } }
        values.merge(overrides) { _, new in new }
        values["port"] = String(ClusterPlace.port)
        values["unix_socket_directories"] = "\"\(socketDirectory.replacing("\"", with: "\"\""))\""
        values["unix_socket_permissions"] = "0700"
        let lines = values.sorted { $0.key < $1.key }.map { name, value in
            let escaped = value.replacing("\\", with: "\\\\").replacing("'", with: "''").replacing("\n", with: "\\n")
            return "\(name) = '\(escaped)'\n"
        }
        return "# Written at every start, last words over those of postgresql.conf.\n" + lines.joined()
    }
}
