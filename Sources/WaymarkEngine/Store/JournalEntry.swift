import Waymark

/// What a finished step leaves in the journal.
package struct JournalEntry: Sendable {
    /// Why an output is not what the step's body returned.
    package enum Mark: String, Sendable {
        /// The step's condition did not hold: its input, passed on.
        case skipped
        /// The retry policy was used up: the declared substitute.
        case degraded
        /// The foreign system was asked what a call had come to.
        case reconciled
        /// A person said so.
        case resolved
    }

    /// The step's name; for one inside a ForEach with its element, `sent[3]`.
    let step: String
    /// As JSON.
    let output: String
    let attempt: Int
    /// The version of the saga that recorded it.
    let version: Int
    var mark: Mark?

    package init(step: String, output: String, attempt: Int, version: Int, mark: Mark? = nil) {
        self.step = step
        self.output = output
        self.attempt = attempt
        self.version = version
        self.mark = mark
    }

    /// As the journal keeps it, but for the time, which is the database's.
    package func json(by holder: String) -> String {
        // Versions are written from the second on: the first is the rule.
        let version = version > 1 ? ",\"version\":\(version)" : ""
        let mark = mark.map { ",\"mark\":\"\($0.rawValue)\"" } ?? ""
        let by = JSONValue.string(holder).canonical
        return "{\"step\":\"\(step)\",\"output\":\(output),\"attempt\":\(attempt),\"by\":\(by)\(version)\(mark)}"
    }
}
