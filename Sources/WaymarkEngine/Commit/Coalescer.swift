import DequeModule
import PostgresPQ
import Synchronization
import Waymark

/// Commits the units of many runners in a few transactions at a time: one BEGIN, one flush of the log and one COMMIT for
/// whatever came in while the transactions before were under way.
///
/// Nobody waits for company: a unit that finds a free place is sent at once, so a lone one is as fast as by itself. Units
/// of one transaction run one after another, which keeps them apart as READ COMMITTED does. One that fails, or that waits
/// for a lock, is taken out and run by itself, and never sinks its neighbours. The idea is that of a database's group
/// commit.
final class Coalescer: Sendable {
    private struct State {
        var waiting: Deque<Pending> = []
        var running = 0
    }

    /// A unit, and who waits for it.
    struct Pending: Sendable {
        let unit: CommitUnit
        let waiter: CheckedContinuation<Result<CommitUnit.Result, any Error>, Never>
    }

    private let state = Mutex(State())
    private let configuration: EngineConfiguration.Coalescing?
    let postgres: PostgresClient
    let statements: KeyStatements
    let idleLimit: Duration

    /// - Parameters:
    ///   - configuration: nil has each unit run by itself.
    ///   - idleLimit: how long the server lets a transaction of ours be silent: its holder may be frozen, and the locks are
    ///     others' to wait for.
    init(
        _ configuration: EngineConfiguration.Coalescing?, on postgres: PostgresClient, _ statements: KeyStatements,
        idleLimit: Duration
    ) {
        self.configuration = configuration
        self.statements = statements
        self.postgres = postgres
        self.idleLimit = idleLimit
    }

    /// Commits a unit, whatever becomes of the caller meanwhile.
    /// - Throws: `GuardFailed`; `KeyBusy`; `PostgresError` of a statement, of a lost connection or a pool that has none, and
    ///   then nothing was done; `PostgresTransactionError` of COMMIT, which may be unknown.
    func commit(_ unit: CommitUnit) async throws -> CommitUnit.Result {
        try await withCheckedContinuation { waiter in
            let pending = Pending(unit: unit, waiter: waiter)
            guard let configuration else { return alone(pending) }
            let begins = state.withLock { state in
                state.waiting.append(pending)
                if state.running == configuration.transactions { return false }
                state.running += 1
                return true
            }
            // Not the caller's task: its cancellation must not reach the units of others, nor what is said of it to tracing.
            if begins { Task.detached { await self.run(configuration.units) } }
        }.get()
    }

    /// Commits a guarded update that fails where it finds no row.
    /// - Returns: whether it found its row.
    /// - Throws: `PostgresError`; one of a lost connection also where it is not known whether the update took effect: sent
    ///   again, it finds no row then.
    func finds(_ update: PostgresQuery) async throws -> Bool {
        do {
            _ = try await commit(CommitUnit(guarded: update))
            return true
        } catch is GuardFailed {
            return false
        } catch let failure as PostgresTransactionError {
            throw failure.isUnknown ? PostgresError(.connectionLost, failure.error.message) : failure.error
        }
    }

    /// Runs transactions until nothing waits.
    private func run(_ limit: Int) async {
        while let batch = next(limit) { await settle(batch[...]) }
    }

    private func next(_ limit: Int) -> [Pending]? {
        state.withLock { state in
            if state.waiting.isEmpty {
                state.running -= 1
                return nil
            }
            var bytes = 0
            let batch = Array(
                state.waiting.prefix(limit).prefix { pending in
                    defer { bytes += pending.unit.bytes }
                    return bytes < EngineLimits.coalescedBytes
                })
            state.waiting.removeFirst(batch.count)
            return batch
        }
    }

    /// Commits the units together; those that cannot be, in parts.
    private func settle(_ batch: ArraySlice<Pending>) async {
        if batch.isEmpty { return }
        do {
            let results = try await commit(batch.map(\.unit), lockWait: EngineLimits.coalescedLockWait)
            for (pending, result) in zip(batch, results) { pending.waiter.resume(returning: .success(result)) }
        } catch let failure as BatchFailure {
            await settle(batch, after: failure)
        } catch {
            // The database, and nothing that a unit did.
            for pending in batch { pending.waiter.resume(returning: .failure(error)) }
        }
    }

    private func settle(_ batch: ArraySlice<Pending>, after failure: BatchFailure) async {
        if batch.count == 1, let pending = batch.first {
            // What had no company fails by itself the next time too, unless it was only not given the time.
            if failure.isLockWait { return alone(pending) }
            return pending.waiter.resume(returning: .failure(failure.error))
        }
        guard let culprit = failure.unit else {
            let middle = batch.startIndex + batch.count / 2
            await settle(batch[..<middle])
            return await settle(batch[middle...])
        }
        // Those before it ran well, so most often three transactions are enough.
        let index = batch.startIndex + culprit
        alone(batch[index])
        await settle(batch[..<index])
        await settle(batch[(index + 1)...])
    }

    /// Runs a unit by itself, as long as it takes, beside the transactions of the others.
    private func alone(_ pending: Pending) {
        Task.detached { [self] in
            do {
                let results = try await commit([pending.unit], lockWait: nil)
                pending.waiter.resume(returning: .success(results[0]))
            } catch {
                pending.waiter.resume(returning: .failure((error as? BatchFailure)?.error ?? error))
            }
        }
    }
}
