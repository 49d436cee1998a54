import Foundation

extension PostgresError {
    /// Makes sense of what libpq says about a failed attempt to connect, with verbose messages.
    ///
    /// There is no result to ask for its fields, so the SQLSTATE is taken from the text: `FATAL:  28P01: password …`.
    init(connectMessage text: String) {
        var sqlState: SQLState?
        var lines: [Substring] = []
        for line in text.split(separator: "\n") where !line.hasPrefix("LOCATION:") {
            guard let match = line.firstMatch(of: #/:  ([0-9A-Z]{5}): /#) else {
                lines.append(line)
                continue
            }
            sqlState = SQLState(rawValue: String(match.1))
            lines.append(line[..<match.range.lowerBound] + ": " + line[match.range.upperBound...])
        }
        self.init(.connectFailed, lines.joined(separator: "; "), sqlState: sqlState)
    }

    /// Trying again will not help until somebody changes a setting: wrong credentials, no such database.
    var isRefusal: Bool {
        code == .connectFailed && (sqlState?.classCode == "28" || sqlState == .databaseDoesNotExist)
    }
}
