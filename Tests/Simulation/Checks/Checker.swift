import Foundation
import Waymark

/// Watches every commit, and says what was broken first.
final class Checker {
    private(set) var violation: String?
    /// Whether a process was frozen for longer than the retention between two sendings of one acceptance: then a request that
    /// was finished and reaped meanwhile is accepted a second time. No store can tell; nothing more is checked then.
    private(set) var isBeyondBounds = false
    let saga: SimulatedSaga
    /// Every request that was accepted, as it was last committed.
    private(set) var requests: [UUID: ModelKey] = [:]
    /// What calls did abroad.
    weak var provider: ForeignSystem?
    private var accepted: [UUID] = []
    private var reaped: [UUID: Int] = [:]
    private var answers: [UUID: Set<String>] = [:]
    private var jobs: [UUID: ModelJob.Origin] = [:]
    private var deliveries: [UUID: Int] = [:]

    init(saga: SimulatedSaga) { self.saga = saga }

    func fail(_ text: String) {
        if violation == nil { violation = text }
    }

    var acceptedCount: Int { accepted.count }

    func reaps(of id: UUID) -> Int { reaped[id, default: 0] }

    func isAnswer(_ answer: ModelAnswer, to id: UUID) -> Bool {
        answers[id, default: []].contains("\(answer.status) \(answer.body)")
    }

    // MARK: Keys

    func observe(_ transition: ModelStore.Transition, at now: Microseconds) {
        switch (transition.before, transition.after) {
        case (nil, nil): return
        case (nil, let after?):
            if requests[after.context.incarnation] != nil {
                isBeyondBounds = true
                return
            }
            accepted.append(after.context.incarnation)
            record(after)
        case (let before?, nil): reap(before, at: now)
        case (let before?, let after?):
            guard before.context.incarnation == after.context.incarnation else {
                return fail("a request took another one's row")
            }
            check(before, after, at: now)
            record(after)
        }
    }

    private func record(_ row: ModelKey) {
        requests[row.context.incarnation] = row
        if row.done, let answer = row.answer { answers[row.id, default: []].insert("\(answer.status) \(answer.body)") }
    }

    private func reap(_ row: ModelKey, at now: Microseconds) {
        if !row.done { fail("an unfinished key was reaped") }
        if let expires = row.expiresAt, expires > now { fail("a key was reaped before its time") }
        reaped[row.id, default: 0] += 1
    }

    private func check(_ before: ModelKey, _ after: ModelKey, at now: Microseconds) {
        if before.done { return fail("a finished key was written to") }
        // Whoever does not learn that its last write was done sends it again, and that changes nothing.
        if before.lockedBy == nil, after.lockedBy == nil, before.isRepeated(by: after) { return }
        if before.parkedReason != nil { return fail("a parked key was written to") }
        switch after.fence - before.fence {
        case 0: checkWrite(before, after)
        case 1 where after.parkedReason != nil: return
        // A claim draws by how many thousands.
        case let step where step > 0 && step % 1_000 == 1: checkClaim(before, after)
        default: fail("the fence went from \(before.fence) to \(after.fence)")
        }
    }

    private func checkClaim(_ before: ModelKey, _ after: ModelKey) {
        guard let claimedAt = after.lockedAt else { return }
        if before.leaseUntil > claimedAt { fail("a key was claimed within a lease") }
        if before.runAt > claimedAt { fail("a key was claimed before it was due") }
        if before.recoveryPoint != after.recoveryPoint || before.journal != after.journal {
            fail("a claim changed what is recorded")
        }
    }

    private func checkWrite(_ before: ModelKey, _ after: ModelKey) {
        let places = (saga.order[before.recoveryPoint] ?? -1, saga.order[after.recoveryPoint] ?? -1)
        if places.0 < 0 || places.1 < places.0 {
            fail("the recovery point went from \(before.recoveryPoint) to \(after.recoveryPoint)")
        }
        let isTurned = before.direction == .compensating && after.direction == .forward
        if isTurned { fail("a request on its way back went forward again") }
        if before.direction == .compensating, before.answer != after.answer { fail("a pending answer changed") }
        // What is begun anew is as old as its new beginning, and a late second sending of that is no harm: it settles later.
        let isAtSamePoint =
            before.recoveryPoint == after.recoveryPoint && before.direction == after.direction
            && RecoveryPoint(after.recoveryPoint).stage == nil
        if isAtSamePoint, after.lockedBy != nil, after.attempts < before.attempts { fail("attempts were set back") }
        if isAtSamePoint, before.progressedAt != after.progressedAt {
            fail("a request at \(after.recoveryPoint) grew younger")
        }
        let isTurning = before.direction == .forward && after.direction == .compensating
        let isDegrading = after.journal.dropFirst(before.journal.count).contains { EntryText.isMarked($0, "degraded") }
        if isTurning || isDegrading { checkNothingIsLeftBehind(before, isDegrading: isDegrading) }
        if !after.journal.starts(with: before.journal) || after.journal.count > before.journal.count + 1 {
            fail("the journal went from \(before.journal) to \(after.journal)")
        }
    }

    /// Of a call that is not recorded nothing will be undone: it must not have happened.
    private func checkNothingIsLeftBehind(_ row: ModelKey, isDegrading: Bool) {
        let recorded = Set(row.journal.compactMap(EntryText.step))
        for (index, step) in saga.steps.enumerated() where !recorded.contains(step.name) {
            // A natural call that declares no undo has no effect that counts.
            guard case .foreignCall(let idempotence) = step.kind, idempotence != .natural || step.compensation != nil
            else { continue }
            // Nothing would ever be undone of a degraded step that declares no undo.
            if isDegrading, step.compensation == nil, step.body.reconcile == nil { continue }
            let operation = ForeignSystem.Operation(
                incarnation: row.context.incarnation, step: index, direction: .forward)
            if provider?.find(operation) != nil { fail("\(step.name) happened abroad, and nobody undoes it") }
        }
    }

    /// What a step takes is what the one before it committed; of a zombie nobody asks that.
    func given(_ input: Int, _ work: Work, _ context: KeyContext, fence: Int, in store: ModelStore) {
        guard let row = store.keys[context.id], row.fence == fence, row.recoveryPoint == work.from else { return }
        let committed =
            work.direction == .forward
            ? row.journal.last.flatMap(EntryText.output) ?? SimulatedSaga.request
            : row.journal.first { EntryText.step($0) == "s\(work.step)" }.flatMap(EntryText.output)
        if input != committed { fail("step \(work.step) was given \(input), and \(committed ?? -1) is committed") }
    }

    // MARK: Jobs

    func staged(_ id: UUID, _ origin: ModelJob.Origin) {
        if jobs.values.contains(origin) { fail("job \(origin.position) of \(origin.point) was staged twice") }
        jobs[id] = origin
    }

    func delivered(_ job: ModelJob) {
        if jobs[job.id] == nil { fail("a job was delivered that nobody committed") }
        deliveries[job.id, default: 0] += 1
    }

    var jobCount: Int { jobs.count }

    func undelivered() -> Int { jobs.keys.filter { deliveries[$0] == nil }.count }

    /// Every job that was committed, by what staged it.
    var stagedJobs: [UUID: ModelJob.Origin] { jobs }
}

extension ModelKey {
    /// Whether it says the same, but for times.
    fileprivate func isRepeated(by other: ModelKey) -> Bool {
        fence == other.fence && recoveryPoint == other.recoveryPoint && direction == other.direction
            && journal == other.journal && attempts == other.attempts && parkedReason == other.parkedReason
            && answer == other.answer
    }
}
