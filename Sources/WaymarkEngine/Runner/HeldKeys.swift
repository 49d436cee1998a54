import Foundation
import Logging
import PostgresPQ
import Synchronization
import Waymark

/// All keys that this process is working on. Renews their leases, and waits for them when the process stops.
final class HeldKeys: Sendable {
    private struct State {
        var holds: [UUID: Hold] = [:]
        var isStopping = false
        var idleWaiters: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Mutex(State())
    private let clock: EngineClock

    init(clock: EngineClock) { self.clock = clock }

    /// Whether nothing new is to begin.
    var isStopping: Bool { state.withLock { $0.isStopping } }

    var count: Int { state.withLock { $0.holds.count } }

    func isHeld(_ id: UUID) -> Bool { state.withLock { $0.holds[id] != nil } }

    enum Entry {
        case entered
        /// This process works on the key already.
        case held(Hold)
        /// Nothing new is taken.
        case stopping
    }

    func enter(_ hold: Hold) -> Entry {
        state.withLock { state in
            if state.isStopping { return .stopping }
            if let existing = state.holds[hold.id] { return .held(existing) }
            state.holds[hold.id] = hold
            return .entered
        }
    }

    func leave(_ hold: Hold) {
        let waiters = state.withLock { state in
            // A key whose first hold was left behind may be held again by now.
            if state.holds[hold.id] === hold { state.holds[hold.id] = nil }
            guard state.holds.isEmpty else { return [CheckedContinuation<Void, Never>]() }
            defer { state.idleWaiters = [] }
            return state.idleWaiters
        }
        for waiter in waiters { waiter.resume() }
    }

    /// Nothing new begins; steps at hand are finished, cancelled once `gracePeriod` is over, and left behind when they
    /// ignore that. Returns when all keys are given back or left to lapse.
    func stop(gracePeriod: Duration) async {
        state.withLock { $0.isStopping = true }
        await withTaskGroup { group in
            group.addTask { await self.idle() }
            group.addTask {
                // Cancelled when all is idle before.
                guard (try? await Task.sleep(for: gracePeriod)) != nil else { return }
                for hold in self.all { hold.cancel() }
                guard (try? await Task.sleep(for: Self.handBackTime)) != nil else { return }
                for hold in self.all { hold.lose() }
                await self.idle()
            }
            await group.next()
            group.cancelAll()
        }
    }

    private func idle() async {
        await withCheckedContinuation { continuation in
            let isIdle = state.withLock { state in
                if !state.holds.isEmpty { state.idleWaiters.append(continuation) }
                return state.holds.isEmpty
            }
            if isIdle { continuation.resume() }
        }
    }

    private var all: [Hold] { state.withLock { Array($0.holds.values) } }

    /// How long cancelled work has to give its key back.
    private static let handBackTime: Duration = .seconds(2)

    /// Gives up everything at once: what runs is cancelled, and commits nothing any more.
    func loseAll() {
        for hold in all { hold.lose() }
    }

    /// Gives up what was not renewed in time. Asks no database: a silent one must not keep us from noticing.
    func loseLapsed(lease: Duration) {
        let now = clock.now()
        for hold in all where hold.due(at: now, lease: lease) == .lose { hold.lose() }
    }

    /// Renews what is due, once. A hold whose renewal finds the fence moved is lost.
    /// - Throws: `PostgresError` when the database cannot be asked; the holds stay until their lease has run out.
    func renewOnce(_ statements: KeyStatements, on postgres: PostgresClient, lease: Duration) async throws {
        let now = clock.now()
        var renewals: [(hold: Hold, fence: Int)] = []
        for hold in all {
            if case .renew(let fence) = hold.due(at: now, lease: lease) { renewals.append((hold, fence)) }
        }
        if renewals.isEmpty { return }
        let results = try await postgres.pipelineEach(renewals.map { statements.renew($0.hold.id, fence: $0.fence) })
        for (renewal, result) in zip(renewals, results) {
            switch result {
            case .success(let rows) where rows.isEmpty: renewal.hold.lose()
            case .success: renewal.hold.confirm(fence: renewal.fence, at: now)
            // One that failed is due again at the next look.
            case .failure: continue
            }
        }
    }
}
