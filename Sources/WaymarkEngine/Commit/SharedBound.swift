import Waymark

/// How long a statement of a shared transaction may run at the moment.
///
/// A statement for many units that takes too long is mostly a slow one among quick ones. But it may just be large, or the
/// machine slow: then its units, run in parts, show no culprit. Where that happens again and again, the bound has to give way,
/// or every transaction would be run twice.
struct SharedBound {
    /// Shared transactions in a row that ran well, before a bound that has grown shrinks again.
    private static let quietRun = 100

    private let least: Duration
    private(set) var current: Duration
    private var ranWell = 0

    init(_ least: Duration) {
        self.least = least
        current = least
    }

    /// A shared statement took too long, and it is not known whose fault it is.
    mutating func exceeded() {
        current = max(least, min(current * 2, EngineLimits.longestSharedBound))
        ranWell = 0
    }

    /// The unit that took too long is found.
    mutating func foundCulprit() {
        current = least
    }

    /// A shared transaction was committed.
    mutating func ran() {
        if current == least { return }
        ranWell += 1
        guard ranWell >= Self.quietRun else { return }
        ranWell = 0
        current = max(least, current / 2)
    }
}
