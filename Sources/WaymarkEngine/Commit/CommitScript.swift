import PostgresPQ
import Waymark

/// The statements of a transaction of units, and whose each is.
///
/// What is done to keys comes first: a holder that lost its lease is to fail before its writes wait for, or collide with,
/// those of its successor. Then come jobs, and the application's writes, unit after unit.
struct CommitScript {
    struct Step {
        enum Part { case acceptance, guarded, row, other }

        let statement: PostgresQuery
        let part: Part
        /// Nil where it is for several units.
        let unit: Int?

        /// What its error means to its unit.
        func failure(_ error: PostgresError) -> BatchFailure {
            switch (part, error.sqlState) {
            case (.acceptance, .uniqueViolation?): BatchFailure(unit: unit, error: KeyExists())
            case (.acceptance, .lockNotAvailable?): BatchFailure(unit: unit, error: KeyBusy())
            case (.guarded, .divisionByZero?): BatchFailure(unit: unit, error: GuardFailed())
            case (.row, .divisionByZero?):
                BatchFailure(
                    unit: unit,
                    error: PostgresError(
                        .unexpectedRowCount, "the statement did not touch exactly one row for the row it was given",
                        sql: error.sql))
            default: BatchFailure(unit: unit, error: error)
            }
        }
    }

    /// As many commits of steps as share one statement at the least: for fewer, a statement each takes the server less.
    private static let sharedProgress = 4

    /// The settings of the transaction: no session state.
    private(set) var opening: [PostgresQuery] = []
    private(set) var steps: [Step] = []

    /// - Parameter bound: how long each statement may run.
    init(
        _ units: [CommitUnit], _ way: Coalescer.Way, within bound: KeyStatements.StatementTime?,
        _ statements: KeyStatements
    ) {
        let accepts = units.contains { $0.acceptance != nil }
        let moves = units.contains { $0.guarded != nil }
        let ownLockWait = accepts ? EngineLimits.acceptLockWait : nil
        let lockWait = way == .alone ? ownLockWait : EngineLimits.coalescedLockWait
        opening.append(KeyStatements.settings(lockWait: lockWait, statementTime: bound, lookupsOnly: moves))
        moveKeys(units, sharing: way == .together, statements)
        if units.allSatisfy({ $0.writes.isEmpty && $0.jobs.isEmpty }) { return }
        // Statements about rows find theirs as keys are found: with a plan that stays good.
        if moves, units.contains(where: { $0.rows == nil }) { append(KeyStatements.usualPlans, .other) }
        if way == .together {
            shareWrites(units, statements)
        } else {
            if way == .alone, accepts { append(KeyStatements.usualLockWait, .other) }
            for (index, unit) in units.enumerated() {
                if !unit.jobs.isEmpty { append(statements.stage(unit.jobs), .other, of: index) }
                appendWrites(of: unit, index)
            }
        }
        if units.contains(where: { !$0.writes.isEmpty }) { append(KeyStatements.deferredNow, .other) }
    }

    private mutating func moveKeys(_ units: [CommitUnit], sharing isShared: Bool, _ statements: KeyStatements) {
        if isShared {
            let acceptances = units.compactMap(\.acceptance)
            if !acceptances.isEmpty { append(statements.accept(acceptances), .acceptance) }
        } else {
            for (index, unit) in units.enumerated() {
                if let acceptance = unit.acceptance { append(statements.accept([acceptance]), .acceptance, of: index) }
            }
        }
        let progress = isShared ? units.compactMap(\.progress) : []
        let isJoint = progress.count >= Self.sharedProgress
        if isJoint {
            append(statements.orFail(statements.progress(progress), unlessRows: progress.count), .guarded)
        }
        for (index, unit) in units.enumerated() where !isJoint || unit.progress == nil {
            if let guarded = unit.guarded { append(statements.query(guarded), .guarded, of: index) }
        }
    }

    private mutating func shareWrites(_ units: [CommitUnit], _ statements: KeyStatements) {
        let jobs = units.flatMap(\.jobs)
        if !jobs.isEmpty { append(statements.stage(jobs), .other) }
        for group in Self.grouped(units.compactMap(\.rows)) {
            // A join to rows must not keep a plan from when its table was empty; an insert has none.
            let joins = !group[0].isInsert
            if joins { append("SET LOCAL plan_cache_mode TO force_custom_plan", .other) }
            append(RowStatement.query(group), .row)
            if joins { append("SET LOCAL plan_cache_mode TO DEFAULT", .other) }
        }
        for (index, unit) in units.enumerated() where unit.rows == nil { appendWrites(of: unit, index) }
    }

    /// The rows of units that have nothing else, by their statements. Each unit's keep their order.
    private static func grouped(_ units: [[RowStatement]]) -> [[RowStatement]] {
        var groups: [[RowStatement]] = []
        for rows in units {
            var next = 0
            for row in rows {
                if let index = groups[next...].firstIndex(where: { $0[0].isSame(as: row) }) {
                    groups[index].append(row)
                    next = index
                } else {
                    groups.append([row])
                    next = groups.count - 1
                }
            }
        }
        return groups
    }

    private mutating func appendWrites(of unit: CommitUnit, _ index: Int) {
        for write in unit.writes {
            switch write {
            case .query(let query): append(query, .other, of: index)
            case .row(let row): append(RowStatement.query([row]), .row, of: index)
            }
        }
    }

    private mutating func append(_ statement: PostgresQuery, _ part: Step.Part, of unit: Int? = nil) {
        steps.append(Step(statement: statement, part: part, unit: unit))
    }
}

extension CommitUnit {
    fileprivate var progress: KeyStatements.Progress? {
        if case .progress(let progress)? = guarded { progress } else { nil }
    }

    /// Its writes, where all of them are about rows.
    fileprivate var rows: [RowStatement]? {
        var rows: [RowStatement] = []
        for write in writes {
            guard case .row(let row) = write else { return nil }
            rows.append(row)
        }
        return rows
    }
}

extension PostgresError {
    /// A statement failed, or was refused; the database itself is fine.
    var isTheUnits: Bool { !isUnavailable && code != .commitOutcomeUnknown && code != .cancelled }
}

extension PostgresTransactionError {
    /// COMMIT was sent, and its outcome is not known.
    var isUnknown: Bool { error.code == .commitOutcomeUnknown }
}
