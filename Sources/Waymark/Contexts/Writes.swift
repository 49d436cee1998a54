public import Foundation
public import PostgresPQ

/// What the body of a write-only phase appends to: statements of which nobody awaits a result, and jobs.
///
/// They take effect, in order and together with the step's recovery point, when the phase commits. As the body awaits
/// nothing, the engine may commit the phases of many requests in one transaction: each as if it were alone, since one that
/// fails is taken out and run by itself.
public struct Writes: Sendable {
    /// Which request this is for.
    public let key: KeyContext
    package private(set) var statements: [Statement] = []
    package private(set) var jobs: [StagedJob] = []

    package init(key: KeyContext) {
        self.key = key
    }

    /// Appends a statement. Its rows, and how many it affected, are not looked at: what must hold is for a constraint to
    /// say. One that fails fails the phase.
    public mutating func execute(_ query: PostgresQuery) {
        statements.append(.query(query))
    }

    /// Appends a statement about one row. A phase that has no others is the fastest: the rows of many requests go through
    /// one statement. Rows of different requests may then be written in any order; those of one in the order of its phase.
    public mutating func execute(each statement: RowStatement) {
        statements.append(.row(statement))
    }

    /// An id for a row that the phase writes: a UUIDv7 (RFC 9562, section 5.7). It begins with the time, so that rows written
    /// one after the other lie side by side in an index. Another each time the phase is run.
    public func newID() -> UUID {
        KeyIdentity.timeOrdered()
    }

    /// Stages a job that exists if and only if this phase commits: see `Transaction.stage(_:after:)`.
    /// - Throws: `WaymarkError` when the job does not encode, is too large, or the phase staged too many.
    public mutating func stage(_ job: some Job, after delay: Duration = .zero) throws {
        try StagedJob(job, after: delay).append(to: &jobs)
    }

    package enum Statement: Sendable {
        case query(PostgresQuery)
        case row(RowStatement)

        /// As a statement by itself.
        package var query: PostgresQuery {
            switch self {
            case .query(let query): query
            case .row(let row): RowStatement.query([row])
            }
        }

        /// How many bytes its values are on their way to the server.
        package var byteCount: Int {
            switch self {
            case .query(let query): query.binds.byteCount
            case .row(let row): row.byteCount
            }
        }
    }
}
