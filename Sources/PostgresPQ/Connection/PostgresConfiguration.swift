import CLibPQ
import Foundation

/// Where the server is and how to talk to it.
///
/// What the connection string leaves out comes from libpq's environment variables (`PGHOST`, `PGPASSWORD`, …) and
/// password file. Nothing here ever prints the password.
public struct PostgresConfiguration: Sendable {
    /// The connection string's settings, by libpq's keywords.
    private(set) var settings: [String: String]
    /// What is known of the servers, for all who connect with this configuration or a copy of it.
    let knownServers = KnownServers()

    /// How long connecting may take, name resolution included, over all servers that are tried.
    ///
    /// Each address that is still to be tried gets an equal share of what is left of it, so that one that never answers
    /// leaves time for the next. A `connect_timeout` in the connection string, in seconds, is each address's time instead.
    public var connectTimeout: Duration = .seconds(10)
    /// Whether statements are prepared once per connection and reused. Switch it off behind a transaction pooler.
    public var preparedStatements: Bool = true
    /// How many prepared statements a connection keeps; the least recently used one goes first.
    public var preparedStatementLimit = 256
    /// What `pg_stat_activity` shows; overrides the connection string's `application_name`.
    public var applicationName: String?

    /// Takes a URL (`postgresql://user@host/database?sslmode=verify-full`) or keywords (`host=/tmp dbname=rides`).
    ///
    /// Several hosts are tried in turn, each address of a name by itself, until one takes sessions of the kind that
    /// `target_session_attrs` asks for. The one that did so last is the first to be tried next time.
    ///
    /// Throws ``PostgresError/Code/invalidConfiguration`` when libpq cannot parse it; the error quotes none of it.
    public init(_ connectionString: String) throws {
        var message: UnsafeMutablePointer<CChar>?
        guard let options = PQconninfoParse(connectionString, &message) else {
            defer { PQfreemem(message) }
            let text = message.map { String(cString: $0) } ?? "out of memory"
            throw PostgresError(.invalidConfiguration, "connection string: \(Self.withoutQuotations(text))")
        }
        defer { PQconninfoFree(options) }
        var settings: [String: String] = [:]
        var option = options
        while let keyword = option.pointee.keyword {
            if let value = option.pointee.val { settings[String(cString: keyword)] = String(cString: value) }
            option += 1
        }
        self.settings = settings
    }

    /// The settings to connect with, in libpq's keywords.
    var connectionSettings: [String: String] {
        var settings = settings
        settings["client_encoding"] = "UTF8"
        // A peer that is gone without a word is noticed within a minute, not within the quarter of an hour of TCP's defaults.
        for (keyword, value) in Self.liveness { settings[keyword] = settings[keyword] ?? value }
        if let applicationName {
            settings["application_name"] = applicationName
        } else {
            settings["fallback_application_name"] = settings["fallback_application_name"] ?? "waymark"
        }
        return settings
    }

    /// The same for a session that takes writes, unless the connection string or the environment says what kind it is to be.
    var askingForWrites: PostgresConfiguration {
        let keyword = "target_session_attrs"
        guard settings[keyword] == nil, ProcessInfo.processInfo.environment["PGTARGETSESSIONATTRS"] == nil else {
            return self
        }
        return replacing([keyword: "read-write"])
    }

    /// The same with these settings in place of its own.
    func replacing(_ settings: [String: String]) -> PostgresConfiguration {
        var configuration = self
        configuration.settings.merge(settings) { _, new in new }
        return configuration
    }

    /// Seconds, and for the last milliseconds, as libpq takes them; what the connection string says goes before.
    private static let liveness = [
        "keepalives_idle": "20", "keepalives_interval": "10", "keepalives_count": "3", "tcp_user_timeout": "30000",
    ]

    /// libpq quotes the offending part, which may be the password.
    private static func withoutQuotations(_ message: String) -> String {
        let message = message.trimmingCharacters(in: .whitespacesAndNewlines)
        guard let first = message.firstIndex(of: "\""), let last = message.lastIndex(of: "\""), first < last else {
            return message
        }
        return message[..<first] + "…" + message[message.index(after: last)...]
    }
}

extension PostgresConfiguration: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    private static let shown = ["host", "hostaddr", "port", "dbname", "user", "sslmode", "target_session_attrs"]

    /// Where to and as whom; never the password.
    public var description: String {
        let pairs = Self.shown.compactMap { key in settings[key].map { "\(key)=\($0)" } }
        return "PostgresConfiguration(\(pairs.joined(separator: " ")))"
    }

    public var debugDescription: String { description }

    public var customMirror: Mirror { Mirror(self, children: ["description": description]) }
}
