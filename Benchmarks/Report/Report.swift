import Foundation

/// What a run gives: its circumstances and its rows.
struct Report: Sendable, Encodable {
    let mode: String
    let postgres: [String: String]
    let processors: Int
    /// The system's load average (1 min) before and after: anything above our own load makes the figures noise.
    let loadBefore: Double
    var loadAfter: Double
    let startedAt: Date
    var rows: [Row]

    /// Whether nothing that has a target, or was checked, is bad.
    var holds: Bool { !rows.contains { $0.holds == false } }

    /// - Returns: The report as JSON with sorted members.
    func json() throws -> Data {
        let encoder = JSONEncoder()
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.dateEncodingStrategy = .iso8601
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return try encoder.encode(self) + Data("\n".utf8)
    }

    /// The system's load average over the last minute.
    static func load() -> Double {
        var loads = [0.0]
        return getloadavg(&loads, 1) == 1 ? loads[0] : .nan
    }
}
