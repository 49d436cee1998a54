package import Foundation
import Waymark

extension ModelStore {
    /// Executes a statement as far as it can be: see `Execution`.
    package mutating func execute(
        _ statement: Statement, in transaction: TransactionID, saw: ModelKey? = nil
    ) -> Execution {
        let now = now(transaction)
        switch statement {
        case .accept(let new, let holder):
            var row = ModelKey(new, lease: lease, holder: holder, at: now)
            new.first?.apply(to: &row, guards, retention: retention, at: now)
            return insert(row, in: transaction)
        case .start(let new):
            return insert(ModelKey(new, lease: 0, holder: nil, at: now), in: transaction)
        case .read(let id):
            return .rows(Rows(keys: visible(id, to: transaction).map { [$0] } ?? []))
        case .claim(let id, let fence, let holder):
            let (guards, step) = (guards, fenceStep())
            return update(
                id, in: transaction, saw: saw, where: { $0.fence == fence && Self.isClaimable($0, guards, now) }
            ) { [lease] in Self.claim(&$0, guards, by: holder, raisingFenceBy: step, lease: lease, at: now) }
        case .claimDue(let limit, let holder):
            return claimDue(limit, by: holder, in: transaction)
        case .renew(let id, let fence, let holder):
            return renew(id, fence: fence, by: holder, in: transaction, saw: saw)
        case .write(let id, let fence, let point, let direction, let change):
            let (guards, retention) = (guards, retention)
            let needed = change.direction(of: direction)
            return update(
                id, in: transaction, saw: saw,
                where: { row in
                    (row.fence == fence || !guards.contains(.fence))
                        && (row.recoveryPoint == point || !guards.contains(.recoveryPoint))
                        && (!row.done || !guards.contains(.notDone))
                        && (row.direction == needed ?? row.direction || !guards.contains(.direction))
                        && change.isNews(to: row, guards)
                }
            ) { change.apply(to: &$0, guards, retention: retention, at: now) }
        case .reap(let limit):
            return reap(limit, in: transaction)
        case .effect(let effect):
            open[transaction]?.effects.append(effect)
            return .rows(Rows(count: 1))
        case .stage, .claimJobs, .acknowledge, .retryJob, .giveBackJob, .bury:
            return executeOnJobs(statement, in: transaction)
        }
    }

    /// Gives no row where the id is taken. Waits for whoever is inserting the same key, and also for whoever is updating it.
    private mutating func insert(_ row: ModelKey, in transaction: TransactionID) -> Execution {
        if let owner = isLocked(row.id, for: transaction) { return .blocked(by: owner, saw: nil) }
        if visible(row.id, to: transaction) != nil { return .rows(Rows()) }
        put(row, row.id, transaction)
        return .rows(Rows(keys: [row]))
    }

    private static func isClaimable(_ row: ModelKey, _ guards: Guards, _ now: Int) -> Bool {
        (!row.done || !guards.contains(.notDone)) && row.parkedReason == nil
            && (row.leaseUntil <= now || !guards.contains(.leaseOver))
            && (row.runAt <= now || !guards.contains(.due))
    }

    /// What a claim adds to the fence, as the engine's: drawn, and counted in the last three digits.
    private mutating func fenceStep() -> Int { 1 + 1_000 * Int.random(in: 0..<1_000_000, using: &random) }

    /// Gives a key that a transaction has claimed the fence that another store drew for the same claim.
    /// - Returns: whether the transaction has claimed the key, and a claim can come to that fence.
    package mutating func adopt(_ fence: Int, of id: UUID, in transaction: TransactionID) -> Bool {
        guard let before = keys[id], case .some(.some(var row)) = open[transaction]?.keys[id] else { return false }
        row.fence = fence
        put(row, id, transaction)
        return fence > before.fence && (fence - before.fence) % 1_000 == 1
    }

    private static func claim(
        _ row: inout ModelKey, _ guards: Guards, by holder: String, raisingFenceBy step: Int, lease: Int, at now: Int
    ) {
        row.fence += step
        if guards.contains(.attemptAtClaim) { row.attempts += 1 }
        // The wait beyond the lease is reckoned from the deaths before this one.
        row.runAt = now + lease + penalty(row.deaths)
        row.deaths = row.lockedBy == nil ? 0 : row.deaths + 1
        row.lockedBy = holder
        row.lockedAt = now
        row.leaseUntil = now + lease
    }

    /// How much longer than its lease a key is left alone that killed so many holders.
    private static func penalty(_ deaths: Int) -> Int { ((1 << min(deaths, 7)) - 1) * 1_000_000 }

    private mutating func claimDue(_ limit: Int, by holder: String, in transaction: TransactionID) -> Execution {
        let (now, step) = (now(transaction), fenceStep())
        var claimed: [ModelKey] = []
        let candidates = keys.values.filter { Self.isClaimable($0, guards, now) }
            .sorted { ($0.runAt, $0.id.uuidString) < ($1.runAt, $1.id.uuidString) }
        for var row in candidates where claimed.count < limit {
            if let owner = isLocked(row.id, for: transaction) {
                if guards.contains(.skipLocked) { continue }
                return .blocked(by: owner, saw: row)
            }
            Self.claim(&row, guards, by: holder, raisingFenceBy: step, lease: lease, at: now)
            put(row, row.id, transaction)
            claimed.append(row)
        }
        return .rows(Rows(keys: claimed))
    }

    private mutating func renew(
        _ id: UUID, fence: Int, by holder: String, in transaction: TransactionID, saw: ModelKey?
    ) -> Execution {
        let (guards, lease, now) = (guards, lease, now(transaction))
        return update(
            id, in: transaction, saw: saw,
            where: { row in
                (row.fence == fence || !guards.contains(.fence)) && (!row.done || !guards.contains(.notDone))
                    && (row.lockedBy == holder && row.parkedReason == nil || !guards.contains(.renewal))
            }
        ) { row in
            row.leaseUntil = now + lease
            row.runAt = now + lease + Self.penalty(row.deaths)
        }
    }

    private mutating func reap(_ limit: Int, in transaction: TransactionID) -> Execution {
        let (guards, now) = (guards, now(transaction))
        let expired = keys.values.filter { row in
            // Without `done`, an unfinished key is as old as its last lease.
            let expiry = row.expiresAt ?? (guards.contains(.reaperDone) ? ModelKey.infinity : row.leaseUntil)
            return (row.done || !guards.contains(.reaperDone)) && (expiry <= now || !guards.contains(.reaperExpiry))
        }
        let batch = expired.filter { isLocked($0.id, for: transaction) == nil }
            .sorted { ($0.expiresAt ?? 0, $0.id.uuidString) < ($1.expiresAt ?? 0, $1.id.uuidString) }.prefix(limit)
        for row in batch { put(nil, row.id, transaction) }
        return .rows(Rows(count: batch.count))
    }
}

extension Statement.Change {
    func apply(to row: inout ModelKey, _ guards: Guards, retention: Int, at now: Int) {
        switch self {
        case .advance(let point, let entry):
            progress(&row, to: point, at: now)
            row.deaths = 0
            row.lastError = nil
            row.journal.append(entry)
        case .finish(let entry, let answer):
            progress(&row, to: SagaDeclaration.finished, at: now)
            row.lastError = nil
            row.journal.append(entry)
            row.answer = answer ?? row.answer
            finish(&row, retention: retention, at: now)
        case .begin(let point, let attempts):
            progress(&row, to: point, at: now)
            row.attempts = attempts
        case .rest(let point, let delay):
            progress(&row, to: point, at: now)
            row.attempts = 0
            row.deaths = 0
            row.lastError = nil
            giveBack(&row, at: now)
            row.runAt = now + delay
        case .reject(let answer, let error):
            progress(&row, to: row.recoveryPoint, at: now)
            turnRound(&row, answer, error)
        case .finishRejected(let answer, let error):
            progress(&row, to: SagaDeclaration.finished, at: now)
            turnRound(&row, answer, error)
            finish(&row, retention: retention, at: now)
        case .recordAttempt(let attempt, let error):
            row.attempts = attempt
            row.lastError = error
        case .release(let delay, let attempts, let isInDoubt, let error):
            giveBack(&row, at: now)
            row.doubtfulPoint = isInDoubt ? row.recoveryPoint : nil
            row.deaths = 0
            row.runAt = now + delay
            row.attempts = attempts
            row.lastError = error ?? row.lastError
        case .park(let reason, let isInDoubt, let error):
            giveBack(&row, at: now)
            row.doubtfulPoint = isInDoubt ? row.recoveryPoint : nil
            row.runAt = ModelKey.infinity
            row.parkedReason = reason
            if guards.contains(.parkEndsHold) { row.fence += 1 }
            row.lastError = error ?? row.lastError
        }
    }

    /// Whether the row does not say so already: an attempt that was counted is not counted back.
    func isNews(to row: ModelKey, _ guards: Guards) -> Bool {
        guard case .recordAttempt(let attempt, _) = self, guards.contains(.attemptsRise) else { return true }
        return row.attempts < attempt
    }

    private func progress(_ row: inout ModelKey, to point: String, at now: Int) {
        row.recoveryPoint = point
        row.attempts = 1
        row.progressedAt = now
    }

    private func turnRound(_ row: inout ModelKey, _ answer: ModelAnswer, _ error: String) {
        row.direction = .compensating
        row.answer = answer
        row.lastError = error
    }

    private func giveBack(_ row: inout ModelKey, at now: Int) {
        row.leaseUntil = now
        row.lockedBy = nil
    }

    private func finish(_ row: inout ModelKey, retention: Int, at now: Int) {
        row.done = true
        row.finishedAt = now
        row.expiresAt = now + retention
        giveBack(&row, at: now)
    }
}
