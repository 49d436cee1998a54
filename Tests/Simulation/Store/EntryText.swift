/// Reads a journal entry of one line without a parser: half of the simulation's time would be spent in one.
package enum EntryText {
    /// The number in an entry's `"output":`; nil for null.
    package static func output(_ entry: String) -> Int? {
        text(in: entry, after: "\"output\":", until: ",").flatMap { Int($0) }
    }

    package static func step(_ entry: String) -> String? { text(in: entry, after: "\"step\":\"", until: "\"") }

    static func isMarked(_ entry: String, _ mark: String) -> Bool { entry.contains("\"mark\":\"\(mark)\"") }

    private static func text(in entry: String, after prefix: String, until end: Character) -> String? {
        guard let start = entry.firstRange(of: prefix)?.upperBound else { return nil }
        return String(entry[start...].prefix { $0 != end && $0 != "}" })
    }
}
