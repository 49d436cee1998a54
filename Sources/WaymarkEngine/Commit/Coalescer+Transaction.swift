import Foundation
import PostgresPQ
import Waymark

/// Units failed, and their transaction is rolled back.
struct BatchFailure: Error {
    /// Which of them, where the server's error tells.
    let unit: Int?
    /// The failure as it is the unit's own: `GuardFailed`, `KeyBusy`, or what the database said.
    let error: any Error

    /// Whether it was a lock that was not to be had in time.
    var isLockWait: Bool { error is KeyBusy || (error as? PostgresError)?.sqlState == .lockNotAvailable }
}

extension Coalescer {
    /// Commits units in one transaction: in one round trip, or in two where keys are to be accepted.
    /// - Parameter lockWait: how long each statement may wait for a lock; nil for as long as the database is set up to.
    /// - Throws: `BatchFailure`, or an error that is no unit's: of the connection, the pool, or an unknown COMMIT.
    func commit(_ units: [CommitUnit], lockWait: Duration?) async throws -> [CommitUnit.Result] {
        var owners: [Owner] = []
        do {
            return try await postgres.withTransaction(opening: opening(units, lockWait)) { transaction in
                try await accept(units, lockWait, in: transaction)
            } closing: { results in
                let accepted = units.enumerated().filter { index, _ in
                    if case .exists = results[index] { false } else { true }
                }
                let closing = closing(accepted.map { ($0.offset, $0.element) })
                owners = closing.map(\.owner)
                return closing.map(\.statement)
            }
        } catch let failure as PostgresTransactionError {
            guard failure.error.isTheUnits else { throw failure.isUnknown ? failure : failure.error }
            guard case .closing(let index) = failure.stage else { throw BatchFailure(unit: nil, error: failure) }
            throw owners[index].failure(failure.error)
        } catch let error as PostgresError where error.isTheUnits {
            throw BatchFailure(unit: nil, error: error.sqlState == .lockNotAvailable ? KeyBusy() : error)
        }
    }

    /// Whose statement one is.
    private enum Owner {
        case all
        case guarded(unit: Int)
        case write(unit: Int)

        func failure(_ error: PostgresError) -> BatchFailure {
            let isGuard = error.sqlState == .divisionByZero
            return switch self {
            case .all: BatchFailure(unit: nil, error: error)
            case .guarded(let unit): BatchFailure(unit: unit, error: isGuard ? GuardFailed() : error)
            case .write(let unit): BatchFailure(unit: unit, error: error)
            }
        }
    }

    /// What is sent with COMMIT, unit after unit. The guard goes first: a holder that lost its lease is to fail before its
    /// writes wait for, or collide with, those of its successor.
    ///
    /// One update a key, and not one of all keys: joined to a list of values, it is planned while the statistics are those of
    /// an empty table, and then reads all that has come since.
    private func closing(_ units: [(index: Int, unit: CommitUnit)]) -> [(statement: PostgresQuery, owner: Owner)] {
        var closing: [(statement: PostgresQuery, owner: Owner)] = []
        for (index, unit) in units {
            if let guarded = unit.guarded { closing.append((guarded, .guarded(unit: index))) }
            closing += unit.writes.map { ($0, .write(unit: index)) }
        }
        let jobs = units.flatMap(\.unit.jobs)
        if !jobs.isEmpty { closing.append((statements.stage(jobs), .all)) }
        return closing
    }

    /// The settings of the transaction: no session state.
    private func opening(_ units: [CommitUnit], _ lockWait: Duration?) -> [PostgresQuery] {
        let accepts = units.contains { $0.acceptance != nil }
        guard accepts else { return lockWait.map { [Self.lockTimeout($0)] } ?? [] }
        let lockTimeout = (lockWait ?? EngineLimits.acceptLockWait).setting
        return [
            """
            SELECT set_config('lock_timeout', \(lockTimeout), true),
                set_config('idle_in_transaction_session_timeout', \(idleLimit.setting), true)
            """
        ]
    }

    private static func lockTimeout(_ wait: Duration) -> PostgresQuery {
        "SELECT set_config('lock_timeout', \(wait.setting), true)"
    }

    /// Inserts the keys that units accept, and reads those that were there.
    private func accept(
        _ units: [CommitUnit], _ lockWait: Duration?, in transaction: PostgresTransaction
    ) async throws -> [CommitUnit.Result] {
        var results = [CommitUnit.Result](repeating: .committed, count: units.count)
        let acceptances = units.compactMap(\.acceptance)
        if acceptances.isEmpty { return results }
        // Those that are there already are read before, so that repeats are answered with the same round trip.
        var queries = [
            statements.observe(acceptances.map(\.request.context.id)), statements.accept(acceptances),
        ]
        // The application's own statements wait as long as its database is set up to.
        if lockWait == nil { queries.append(statements.usualLockWait) }
        let answers = try await transaction.pipeline(queries)
        let inserted = Set(try answers[1].decode(UUID.self))
        if inserted.count == acceptances.count { return results }
        let rows = try answers[0].map(ObservedRow.init)
        for (index, unit) in units.enumerated() {
            guard let id = unit.acceptance?.request.context.id, !inserted.contains(id) else { continue }
            results[index] = .exists(rows.first { $0.id == id })
        }
        return results
    }
}

extension Duration {
    /// As a setting in milliseconds: the server's are 32 bits wide, some 24 days.
    var setting: String { String(Int(min(inSeconds * 1000, Double(Int32.max)))) }
}

extension PostgresError {
    /// A statement failed, or was refused; the database itself is fine.
    fileprivate var isTheUnits: Bool { !isUnavailable && code != .commitOutcomeUnknown && code != .cancelled }
}

extension PostgresTransactionError {
    /// COMMIT was sent, and its outcome is not known.
    var isUnknown: Bool { error.code == .commitOutcomeUnknown }
}
