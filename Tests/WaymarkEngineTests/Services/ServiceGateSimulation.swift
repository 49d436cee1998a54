import Testing
import Waymark
import WaymarkTesting

@testable import WaymarkEngine

/// A gate's state machine in the hands of random callers, beside a token bucket that counts, in simulated time.
struct ServiceGateSimulation {
    typealias Instant = ContinuousClock.Instant

    let service: ForeignService
    private(set) var admissions: [Instant] = []
    private(set) var ended: Set<Int> = []
    private(set) var arrivals = 0
    /// The first thing that went wrong.
    private(set) var failure: String?
    private var machine: ServiceGateStateMachine
    private var random: SeededGenerator
    private var now = ContinuousClock.now
    private var timers: [Instant] = []
    private var waiting: [(id: Int, deadline: Instant)] = []
    private var inside: [Int] = []
    private var tokens: Double
    private var lastProbe: Instant?

    init(random: SeededGenerator) {
        self.random = random
        service = ForeignService(
            "s",
            maxConcurrent: Bool.random(using: &self.random) ? Int.random(in: 1...5, using: &self.random) : nil,
            perSecond: Bool.random(using: &self.random) ? Double.random(in: 0.5...50, using: &self.random) : nil,
            breaker: Bool.random(using: &self.random)
                ? .init(failures: Int.random(in: 1...4, using: &self.random), pause: .milliseconds(700)) : nil)
        machine = ServiceGateStateMachine(service)
        tokens = max(1, service.perSecond ?? 1)
    }

    mutating func run(steps: Int) {
        for _ in 0..<steps where failure == nil { step() }
        // Nobody new comes, and those inside leave: then the queue empties by itself.
        while failure == nil, !waiting.isEmpty || !inside.isEmpty {
            while let id = inside.popLast() { perform(machine.leave(id, .success, now: now)) }
            if !waiting.isEmpty { pass(.seconds(60)) }
        }
    }

    private mutating func step() {
        switch Int.random(in: 0..<10, using: &random) {
        case 0...3:
            arrivals += 1
            let timeout = Duration.milliseconds(Int.random(in: 0...3_000, using: &random))
            waiting.append((arrivals, now + timeout))
            perform(machine.enter(arrivals, timeout: timeout, now: now))
        case 4...6:
            guard let index = inside.indices.randomElement(using: &random) else { return }
            let id = inside.remove(at: index)
            let outcomes: [ServiceOutcome] = [.success, .failure, .failure, .neither]
            perform(machine.leave(id, outcomes.randomElement(using: &random) ?? .success, now: now))
        case 7:
            guard let index = waiting.indices.randomElement(using: &random) else { return }
            let id = waiting.remove(at: index).id
            ended.insert(id)
            check(machine.cancel(id), "\(id) could not be cancelled while it waited")
            check(!machine.cancel(id), "\(id) was cancelled twice")
        default:
            pass(.microseconds(Int.random(in: 0...600_000, using: &random)))
        }
    }

    /// Goes on to the next timer, at most `time`.
    private mutating func pass(_ time: Duration) {
        let next = min(now + time, timers.min() ?? now + time)
        tokens = min(
            max(1, service.perSecond ?? 1), tokens + (service.perSecond ?? 0) * (now.duration(to: next) / .seconds(1)))
        now = next
        while let index = timers.firstIndex(where: { $0 <= now }) {
            timers.remove(at: index)
            perform(machine.wake(now: now))
        }
        checkInvariants()
    }

    private mutating func perform(_ actions: [ServiceGateStateMachine.Action]) {
        for action in actions {
            switch action {
            case .admit(let id): admit(id)
            case .refuse(let id, _, let earliest, let spread):
                guard let index = waiting.firstIndex(where: { $0.id == id }) else {
                    check(false, "\(id) did not wait and was refused")
                    continue
                }
                waiting.remove(at: index)
                check(ended.insert(id).inserted, "\(id) was refused after its end")
                check(earliest > .zero && spread > .zero, "\(id) was told to come back at once")
            case .setTimer(let instant): timers.append(instant)
            }
        }
        checkInvariants()
    }

    private mutating func admit(_ id: Int) {
        check(waiting.first?.id == id, "\(id) was admitted before those ahead of it")
        waiting.removeAll { $0.id == id }
        check(ended.insert(id).inserted, "\(id) was admitted after its end")
        inside.append(id)
        admissions.append(now)
        if service.perSecond != nil { tokens -= 1 }
        check(tokens > -1e-6, "\(id) was admitted without a token")
        guard let breaker = machine.breaker, case .open = breaker.state else { return }
        if let lastProbe { check(now >= lastProbe + breaker.limits.pause, "two probes within a pause") }
        lastProbe = now
    }

    private mutating func checkInvariants() {
        check(Set(machine.inside.keys) == Set(inside), "the machine has lost count of who is inside")
        check(machine.waiters.map(\.id) == waiting.map(\.id), "the machine has lost count of who waits")
        check(inside.count <= service.maxConcurrent ?? .max, "too many are inside")
        guard let first = waiting.first else { return }
        check(waiting.allSatisfy { $0.deadline > now }, "somebody waits past the deadline")
        check(timers.contains { $0 <= waiting.map(\.deadline).min() ?? now }, "nobody will wake those who wait")
        check(machine.breaker?.remaining(at: now) == nil, "somebody waits at an open breaker")
        let isFree = inside.count < service.maxConcurrent ?? .max && tokens > (service.perSecond == nil ? 0 : 1 + 1e-6)
        check(!isFree, "\(first.id) waits for nothing")
    }

    private mutating func check(_ condition: Bool, _ message: @autoclosure () -> String) {
        if !condition, failure == nil { failure = message() }
    }
}
