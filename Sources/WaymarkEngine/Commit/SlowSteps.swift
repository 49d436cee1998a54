/// The steps that take too long for shared transactions every time. Their units are not tried there: each try would take
/// others' time. One quick run lifts that.
///
/// A step that is slow for some requests only is none of them.
struct SlowSteps {
    /// Runs of a step in a row that have to be too long: fewer may be of one request.
    private static let runs = 3

    /// Runs in a row that were too long.
    private var slowRuns: [CommitUnit.Step.Name: Int] = [:]

    func contains(_ step: CommitUnit.Step?) -> Bool {
        guard !slowRuns.isEmpty, let step else { return false }
        return slowRuns[step.name, default: 0] >= Self.runs
    }

    mutating func tookTooLong(_ step: CommitUnit.Step?) {
        guard let step else { return }
        slowRuns[step.name, default: 0] += 1
    }

    mutating func ranWell(_ units: some Sequence<PendingUnit>) {
        if slowRuns.isEmpty { return }
        for case let step? in units.lazy.map(\.unit.step) { slowRuns[step.name] = nil }
    }
}
