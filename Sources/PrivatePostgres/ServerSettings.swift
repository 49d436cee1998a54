/// The server's settings: ours, and over them the caller's.
struct ServerSettings: Sendable {
    /// Whether committed data must survive the machine.
    let durable: Bool
    let overrides: [String: String]

    /// The settings of every private cluster that differ from PostgreSQL's own, each with its reason. None of them changes
    /// how a statement is planned or run, or what it returns: users run on servers as they are installed.
    private static let common = [
        // It is reached by its socket alone.
        "listen_addresses": "",
        // The processes and tests of a whole run share it.
        "max_connections": "200",
        // The log is read beside those of processes, which write UTC.
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
