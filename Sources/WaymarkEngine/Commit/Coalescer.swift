import PostgresPQ
import Waymark

/// Commits the units of many runners in a few transactions at a time: one BEGIN, one flush of the log and one COMMIT for
/// whatever came in while the transactions before were under way, and one statement for what they have in common.
///
/// Units of one transaction run one after another, which keeps them apart as READ COMMITTED does. One that fails, or that
/// waits for a lock, is taken out and run by itself, and never sinks its neighbours.
final class Coalescer: Sendable {
    /// A unit, and who waits for it.
    struct Pending: Sendable {
        let unit: CommitUnit
        let waiter: CheckedContinuation<Result<Void, any Error>, Never>
    }

    private let batches: Batches<Pending>?
    let postgres: PostgresClient
    let statements: KeyStatements

    /// - Parameter configuration: nil has each unit run by itself.
    init(
        _ configuration: EngineConfiguration.Coalescing?, on postgres: PostgresClient, _ statements: KeyStatements
    ) {
        batches = configuration.map {
            Batches(
                places: $0.transactions, mostPlaces: postgres.configuration.maximumConnections / 2,
                longestWait: $0.longestWait, items: $0.units, bytes: { $0.unit.bytes })
        }
        self.statements = statements
        self.postgres = postgres
    }

    /// Commits a unit, whatever becomes of the caller meanwhile.
    /// - Throws: `GuardFailed`; `KeyExists`; `KeyBusy`; `PostgresError` of a statement, of a lost connection or a pool that
    ///   has none, and then nothing was done; `PostgresTransactionError` of COMMIT, which may be unknown.
    func commit(_ unit: CommitUnit) async throws {
        try await withCheckedContinuation { waiter in
            let pending = Pending(unit: unit, waiter: waiter)
            guard let batches else { return alone(pending) }
            batches.add(pending) { [self] in await settle($0[...], .together) }
        }.get()
    }

    /// Commits a guarded update.
    /// - Returns: whether it found its row.
    /// - Throws: `PostgresError`; one of a lost connection also where it is not known whether the update took effect: sent
    ///   again, it finds no row then.
    func finds(_ update: GuardedWrite) async throws -> Bool {
        do {
            try await commit(CommitUnit(guarded: update))
            return true
        } catch is GuardFailed {
            return false
        } catch let failure as PostgresTransactionError {
            throw failure.isUnknown ? PostgresError(.connectionLost, failure.error.message) : failure.error
        }
    }

    /// Commits the units together; those that cannot be, in parts.
    private func settle(_ batch: ArraySlice<Pending>, _ way: Way) async {
        if batch.isEmpty { return }
        do {
            try await commit(batch.map(\.unit), batch.count == 1 ? .apart : way)
            for pending in batch { pending.waiter.resume(returning: .success(())) }
        } catch let failure as BatchFailure {
            await settle(batch, way, after: failure)
        } catch {
            // The database, and nothing that a unit did.
            for pending in batch { pending.waiter.resume(returning: .failure(error)) }
        }
    }

    private func settle(_ batch: ArraySlice<Pending>, _ way: Way, after failure: BatchFailure) async {
        if batch.count == 1, let pending = batch.first {
            // What had no company fails by itself the next time too, unless it was only not given the time.
            if failure.isLockWait { return alone(pending) }
            return pending.waiter.resume(returning: .failure(failure.error))
        }
        if let culprit = failure.unit {
            // Those before it ran well, so most often two more transactions are enough.
            let index = batch.startIndex + culprit
            alone(batch[index])
            await settle(batch[..<index], .apart)
            await settle(batch[(index + 1)...], .apart)
        } else if case .together = way {
            // With a statement each, the server's error tells which it is.
            await settle(batch, .apart)
        } else {
            let middle = batch.startIndex + batch.count / 2
            await settle(batch[..<middle], .apart)
            await settle(batch[middle...], .apart)
        }
    }

    /// Runs a unit by itself, as long as it takes, beside the transactions of the others.
    private func alone(_ pending: Pending) {
        Task.detached { [self] in
            do {
                try await commit([pending.unit], .alone)
                pending.waiter.resume(returning: .success(()))
            } catch {
                pending.waiter.resume(returning: .failure((error as? BatchFailure)?.error ?? error))
            }
        }
    }
}
