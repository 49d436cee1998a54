import Waymark

/// Who may call a foreign service now, who waits for it, and who is sent away.
///
/// It does no I/O, reads no clock and draws no lots: the gate tells it what happened and when, and carries out the
/// actions it returns. Callers are numbers.
struct ServiceGateStateMachine {
    typealias Instant = ContinuousClock.Instant

    enum Action: Equatable {
        case admit(Int)
        /// Have the caller come back after `earliest` and a random part of `spread`.
        case refuse(Int, Admission.Reason, earliest: Duration, spread: Duration)
        /// Call ``wake(now:)`` at this time.
        case setTimer(Instant)
    }

    struct Waiter {
        var id: Int
        var deadline: Instant
    }

    /// Those beyond are refused at once: enough for two seconds of a fast service, and short enough to look through.
    static let longestQueue = 1_000
    /// When a slot comes free is not known, so whoever waited for one in vain comes back after a second or two.
    static let slotPause = Duration.seconds(1)

    private let maxConcurrent: Int
    private var tokens: TokenBucket?
    private(set) var breaker: CircuitBreakerStateMachine?
    /// In order of arrival, which is the order of admission.
    private(set) var waiters: [Waiter] = []
    /// Those that were admitted and have not left, with the breaker's word on when that was.
    private(set) var inside: [Int: Int] = [:]
    /// The earliest time we are going to be woken.
    private var timer: Instant?

    init(_ service: ForeignService) {
        maxConcurrent = service.maxConcurrent ?? .max
        tokens = service.perSecond.map { TokenBucket(perSecond: $0) }
        breaker = service.breaker.map { CircuitBreakerStateMachine($0) }
    }

    /// Somebody wants to call the service, and waits for at most `timeout`; not at all where that is known to be too
    /// short.
    mutating func enter(_ id: Int, timeout: Duration, now: Instant) -> [Action] {
        if let refusal = refusalByBreaker(of: id, now: now) { return [refusal] }
        let ready = tokens?.readyAt(behind: waiters.count, now: now) ?? now
        guard ready <= now + timeout, waiters.count < Self.longestQueue else { return [saturated(id, now: now)] }
        waiters.append(Waiter(id: id, deadline: now + timeout))
        return serve(now: now)
    }

    /// The caller was cancelled. `false` when it was not waiting any more.
    mutating func cancel(_ id: Int) -> Bool {
        guard let index = waiters.firstIndex(where: { $0.id == id }) else { return false }
        waiters.remove(at: index)
        return true
    }

    /// A caller that was admitted is done; nothing happens where it had left before.
    mutating func leave(_ id: Int, _ outcome: ServiceOutcome, now: Instant) -> [Action] {
        guard let generation = inside.removeValue(forKey: id) else { return [] }
        breaker?.record(outcome, of: generation, now: now)
        return serve(now: now)
    }

    /// A timer went off; too early or too often does no harm.
    mutating func wake(now: Instant) -> [Action] {
        if let timer, timer <= now { self.timer = nil }
        return serve(now: now)
    }

    /// Admits whom there is room for, and refuses those for whom there will be none in time.
    private mutating func serve(now: Instant) -> [Action] {
        var actions: [Action] = []
        while let first = waiters.first, canAdmit(at: now) {
            waiters.removeFirst()
            tokens?.take(at: now)
            inside[first.id] = breaker?.admit(now: now) ?? 0
            actions.append(.admit(first.id))
        }
        let isShut = breaker?.remaining(at: now) != nil
        let leaving = waiters.filter { isShut || $0.deadline <= now }
        waiters.removeAll { isShut || $0.deadline <= now }
        for waiter in leaving {
            actions.append(refusalByBreaker(of: waiter.id, now: now) ?? saturated(waiter.id, now: now))
        }
        return actions + setTimer(now: now)
    }

    private func canAdmit(at now: Instant) -> Bool {
        inside.count < maxConcurrent && tokens?.isReady(at: now) ?? true && breaker?.remaining(at: now) == nil
    }

    /// Spread over a further pause, so that not everybody comes back at the very moment the service may work again.
    private func refusalByBreaker(of id: Int, now: Instant) -> Action? {
        guard let breaker, let remaining = breaker.remaining(at: now) else { return nil }
        return .refuse(id, .breakerOpen, earliest: remaining, spread: breaker.pause)
    }

    private mutating func saturated(_ id: Int, now: Instant) -> Action {
        let promised = tokens?.promise(behind: waiters.count, now: now) ?? now
        let earliest = max(now.duration(to: promised), Self.slotPause)
        return .refuse(id, .saturated, earliest: earliest, spread: Self.slotPause)
    }

    private mutating func setTimer(now: Instant) -> [Action] {
        guard var next = waiters.lazy.map(\.deadline).min() else { return [] }
        if let tokens, inside.count < maxConcurrent { next = min(next, tokens.readyAt(behind: 0, now: now)) }
        if let timer, timer <= next { return [] }
        timer = next
        return [.setTimer(next)]
    }
}
