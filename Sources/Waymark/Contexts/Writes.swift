public import PostgresPQ

/// What the body of a write-only phase appends to: statements of which nobody awaits a result, and jobs.
///
/// They take effect, in order and together with the step's recovery point, when the phase commits. As the body awaits
/// nothing, the engine may commit the phases of many requests in one transaction: each as if it were alone, since one that
/// fails is taken out and run by itself.
public struct Writes: Sendable {
    /// Which request this is for.
    public let key: KeyContext
    package private(set) var statements: [PostgresQuery] = []
    package private(set) var jobs: [StagedJob] = []

    package init(key: KeyContext) {
        self.key = key
    }

    /// Appends a statement. Its rows, and how many it affected, are not looked at: what must hold is for a constraint to
    /// say. One that fails fails the phase.
    public mutating func execute(_ query: PostgresQuery) {
        statements.append(query)
    }

    /// Stages a job that exists if and only if this phase commits: see `Transaction.stage(_:after:)`.
    /// - Throws: `WaymarkError` when the job does not encode, is too large, or the phase staged too many.
    public mutating func stage(_ job: some Job, after delay: Duration = .zero) throws {
        try StagedJob(job, after: delay).append(to: &jobs)
    }
}
