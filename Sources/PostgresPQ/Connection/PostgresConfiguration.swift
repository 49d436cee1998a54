import CLibPQ
import Foundation

/// Where the server is and how to talk to it.
///
/// What the connection string leaves out comes from libpq's environment variables (`PGHOST`, `PGPASSWORD`, …) and
/// password file. Nothing here ever prints the password.
public struct PostgresConfiguration: Sendable {
    /// The connection string's settings, by libpq's keywords.
    let settings: [String: String]

    /// How long one attempt to connect may take, name resolution included.
    public var connectTimeout: Duration = .seconds(10)
    /// Whether statements are prepared once per connection and reused. Switch it off behind a transaction pooler.
    public var preparedStatements: Bool = true
    /// How many prepared statements a connection keeps; the least recently used one goes first.
    public var preparedStatementLimit = 256
    /// What `pg_stat_activity` shows; overrides the connection string's `application_name`.
    public var applicationName: String?

    /// Takes a URL (`postgresql://user@host/database?sslmode=verify-full`) or keywords (`host=/tmp dbname=rides`).
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
