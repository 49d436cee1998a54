import PostgresPQ
import Synchronization
import Waymark

/// Commits the units of many runners in a few transactions at a time: one BEGIN, one flush of the log and one COMMIT for
/// all that came in while the transactions before were under way, and one statement for what they have in common.
///
/// Units of one transaction run one after another, which keeps them apart as READ COMMITTED does. A unit never sinks its
/// neighbours:
/// - One that fails is taken out and run by itself.
/// - So is one whose statement runs, or waits for a lock, for longer than ``EngineConfiguration/Coalescing/longestStatement``.
///   Where it is not known which one that is, the units run in several parts, with statements of their own.
/// - Units that take long have places of their own, so many and no more: the others keep theirs.
final class Coalescer: Sendable {
    /// Queues of units, each with its places.
    private struct Lanes {
        /// What shares transactions.
        let shared: Batches<PendingUnit>
        /// Parts of a transaction that failed.
        let parts: Batches<[PendingUnit]>
        /// Units that run alone, for `EngineLimits.patience` each: most of those that wait for a lock need no longer.
        let patient: Batches<PendingUnit>
        /// Units that run alone, for as long as their steps may.
        let unhurried: Batches<PendingUnit>
        /// How many parts there are places for.
        let partPlaces: Int
    }

    private let lanes: Lanes?
    private let bound: Mutex<SharedBound>
    private let slowSteps = Mutex(SlowSteps())
    let postgres: PostgresClient
    let statements: KeyStatements

    /// - Parameter configuration: nil has each unit run by itself.
    init(
        _ configuration: EngineConfiguration.Coalescing?, on postgres: PostgresClient, _ statements: KeyStatements
    ) {
        let connections = postgres.configuration.maximumConnections
        lanes = configuration.map { configuration in
            let parts = max(connections / EngineLimits.partsShare, 1)
            return Lanes(
                shared: Batches(
                    places: configuration.transactions, mostPlaces: connections / 2,
                    longestWait: configuration.longestWait, items: configuration.units, bytes: { $0.unit.bytes }),
                parts: Batches(places: parts),
                patient: Batches(places: max(connections / EngineLimits.patientShare, 1)),
                unhurried: Batches(places: max(connections / EngineLimits.unhurriedShare, 1)),
                partPlaces: parts)
        }
        bound = Mutex(SharedBound(configuration?.longestStatement ?? EngineConfiguration.Coalescing().longestStatement))
        self.statements = statements
        self.postgres = postgres
    }

    /// Commits a unit. A cancellation of the caller reaches only a unit that runs alone: others have a part in the rest.
    /// - Throws: `GuardFailed`; `KeyExists`; `KeyBusy`; `StepTimeout`; `CancellationError`; `PostgresError` of a statement, of a
    ///   lost connection or a pool that has none, and then nothing was done; `PostgresTransactionError` of COMMIT, which may
    ///   be unknown.
    func commit(_ unit: CommitUnit) async throws {
        let pending = PendingUnit(unit)
        try await pending.result { submit(pending) }.get()
    }

    private func submit(_ pending: PendingUnit) {
        guard let lanes else {
            if pending.queue(for: time(of: pending)) { Task.detached { [self] in await runUnhurried(pending) } }
            return
        }
        // What a unit sets in its transaction is nothing for its neighbours. It may even set the bound of its own statements, so
        // it runs where its step's timeout reaches it.
        if pending.unit.setsSession { return runAlone(pending, lanes) }
        if slowSteps.withLock({ $0.contains(pending.unit.step) }) { return addPart([pending], lanes) }
        lanes.shared.add(pending) { [self] in await share($0, lanes) }
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
        } catch is StepTimeout {
            throw PostgresError(.server, "the key's row could not be written in time", sqlState: .queryCanceled)
        }
    }

    /// How long a unit may run, and how long it may wait for a place before. The engine's own writes may take as long as a holder
    /// waits for a database that is away.
    private func time(of pending: PendingUnit) -> Duration {
        pending.unit.step?.timeout ?? EngineLimits.outagePatience
    }

    /// Commits the units together; those that cannot be, in parts.
    private func share(_ units: [PendingUnit], _ lanes: Lanes) async {
        let limit = bound.withLock { $0.current }
        do {
            try await commit(units.map(\.unit), units.count == 1 ? .apart : .together, within: limit)
            bound.withLock { $0.ran() }
            succeed(units)
        } catch let failure as BatchFailure where failure.isTooLong && failure.unit == nil && units.count > 1 {
            bound.withLock { $0.exceeded() }
            spread(units[...], lanes)
        } catch let failure as BatchFailure where failure.unit == nil && units.count > 1 {
            // With a statement each, the server's error tells which it is.
            addPart(units, lanes)
        } catch {
            settle(units, after: error, lanes)
        }
    }

    private func addPart(_ units: [PendingUnit], _ lanes: Lanes) {
        if units.isEmpty { return }
        lanes.parts.add(units) { [self] in await runPart($0[0], lanes) }
    }

    /// Has units that may hold others up run in several parts.
    private func spread(_ units: ArraySlice<PendingUnit>, _ lanes: Lanes) {
        if units.isEmpty { return }
        let size = (units.count + lanes.partPlaces - 1) / lanes.partPlaces
        for start in stride(from: units.startIndex, to: units.endIndex, by: size) {
            addPart(Array(units[start..<min(start + size, units.endIndex)]), lanes)
        }
    }

    private func runPart(_ units: [PendingUnit], _ lanes: Lanes) async {
        let current = bound.withLock { $0.current }
        do {
            // A statement of one unit is a short one, and others may wait for it the second time.
            try await commit(units.map(\.unit), .apart, within: units.count == 1 ? current : current / 2)
            succeed(units)
        } catch {
            settle(units, after: error, lanes)
        }
    }

    /// Goes on after a transaction of units with a statement each failed.
    private func settle(_ units: [PendingUnit], after error: any Error, _ lanes: Lanes) {
        guard let failure = error as? BatchFailure else {
            // The database, and nothing that a unit did.
            for pending in units { pending.resume(.failure(error)) }
            return
        }
        guard let culprit = units.count == 1 ? 0 : failure.unit else {
            let middle = units.count / 2
            addPart(Array(units[..<middle]), lanes)
            return addPart(Array(units[middle...]), lanes)
        }
        // Those before it ran well, so most often two more transactions are enough.
        addPart(Array(units[..<culprit]), lanes)
        if failure.isTooLong {
            bound.withLock { $0.foundCulprit() }
            slowSteps.withLock { $0.tookTooLong(units[culprit].unit.step) }
            runAlone(units[culprit], lanes)
            spread(units[(culprit + 1)...], lanes)
        } else {
            if units.count == 1 { return units[culprit].resume(.failure(failure.error)) }
            addPart([units[culprit]], lanes)
            addPart(Array(units[(culprit + 1)...]), lanes)
        }
    }

    private func succeed(_ units: [PendingUnit]) {
        slowSteps.withLock { $0.ranWell(units) }
        for pending in units { pending.resume(.success(())) }
    }

    /// Has a unit run by itself, beside the transactions of the others.
    private func runAlone(_ pending: PendingUnit, _ lanes: Lanes) {
        guard pending.queue(for: time(of: pending)) else { return }
        if time(of: pending) <= EngineLimits.patience {
            return lanes.unhurried.add(pending) { [self] in await runUnhurried($0[0]) }
        }
        lanes.patient.add(pending) { [self] units in
            let result = await run(units[0], within: EngineLimits.patience)
            guard case .failure(let failure as BatchFailure) = result, failure.isTooLong else {
                return finish(units[0], result)
            }
            guard units[0].queue(for: time(of: units[0])) else { return }
            lanes.unhurried.add(units[0]) { [self] in await runUnhurried($0[0]) }
        }
    }

    private func runUnhurried(_ pending: PendingUnit) async {
        let (begin, limit) = (ContinuousClock.now, time(of: pending))
        let result = await run(pending, within: limit)
        if case .failure(let failure as BatchFailure) = result, failure.isTooLong, .now - begin >= limit {
            // The server's clock, or ours: the step's time is over.
            return pending.resume(.failure(StepTimeout()))
        }
        finish(pending, result)
    }

    private func run(_ pending: PendingUnit, within limit: Duration) async -> Result<Void, any Error>? {
        await pending.run { [self] in
            pending.unit.step?.begin()
            try await commit([pending.unit], .alone, within: limit)
        }
    }

    private func finish(_ pending: PendingUnit, _ result: Result<Void, any Error>?) {
        guard let result else { return }
        pending.resume(result.mapError { ($0 as? BatchFailure)?.error ?? $0 })
    }
}

extension Batches {
    /// Batches of one item each, so many at the same time and no more.
    fileprivate convenience init(places: Int) {
        self.init(places: places, mostPlaces: places, longestWait: .seconds(1), items: 1)
    }
}
