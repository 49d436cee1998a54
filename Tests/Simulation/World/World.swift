import Foundation
import Waymark
import WaymarkTesting

/// One simulation: the time, what is to happen, and everything that it happens to. Single-threaded; the seed decides.
final class World {
    let scenario: Scenario
    let saga: SimulatedSaga
    let server: Server
    let provider: ForeignSystem
    let checker: Checker
    private(set) var now: Microseconds = 0
    private(set) var events = 0
    private(set) var processes: [SimulatedProcess] = []
    private(set) var clients: [Client] = []
    var faults: FaultPlan
    var random: SeededGenerator
    var tally = Tally()
    /// What happened, for people; nil where nobody is going to read it.
    private(set) var history: [String]?
    private var queue = EventQueue()
    private var scheduled = 0
    private var lastNumber = 1_000_000

    init(_ scenario: Scenario, recordsHistory: Bool = false) {
        self.scenario = scenario
        saga = scenario.saga
        random = SeededGenerator(seed: scenario.seed)
        faults = FaultPlan(
            seed: scenario.seed &* 0xD6E8_FEB8_6659_FD93, perMille: scenario.faultsPerMille,
            longestFreeze: scenario.longestFreeze, suppressed: scenario.suppressed)
        checker = Checker(saga: scenario.saga)
        server = Server(
            store: ModelStore(
                guards: scenario.guards, lease: Scenario.lease, retention: Scenario.retention,
                jobLease: Scenario.jobLease, random: SeededGenerator(seed: scenario.seed &* 0x9E37_79B9_7F4A_7C15)))
        provider = ForeignSystem(horizonFraction: scenario.guards.contains(.horizon) ? 1 : 4)
        history = recordsHistory ? [] : nil
        server.world = self
        provider.world = self
        checker.provider = provider
    }

    /// Whether faults have ended, and everything is to come to its end.
    var isHealed: Bool { now >= scenario.chaosEnd }

    func run() {
        for _ in 0..<scenario.processes { startProcess() }
        for number in 0..<scenario.clients where !scenario.absentClients.contains(number) {
            let client = Client(number, in: self)
            clients.append(client)
            client.begin()
        }
        while !queue.isEmpty, checker.violation == nil, !checker.isBeyondBounds, !isOver {
            let event = queue.removeFirst()
            now = max(now, event.at)
            if let process = event.process {
                if !process.isAlive { continue }
                if process.frozenUntil > now {
                    var later = event
                    later.at = process.frozenUntil
                    queue.insert(later)
                    continue
                }
            }
            events += 1
            if events > Scenario.mostEvents || now > scenario.chaosEnd + Scenario.healTime {
                checker.fail("not at its end \(now / .seconds) s after the start: \(server.unfinished)")
            }
            event.body()
        }
        if checker.isBeyondBounds {
            tally.beyondBounds += 1
        } else if checker.violation == nil {
            checker.checkEnd(of: self)
        }
        queue.removeAll()
        for process in processes { process.die() }
    }

    /// Whether nothing is left to be done.
    private var isOver: Bool { isHealed && clients.allSatisfy(\.isContent) && server.isAtRest }

    func after(_ delay: Microseconds, of process: SimulatedProcess? = nil, _ body: @escaping () -> Void) {
        scheduled += 1
        queue.insert(EventQueue.Event(at: now + delay, order: scheduled, process: process, body: body))
    }

    func startProcess() {
        let process = SimulatedProcess(processes.count, in: self)
        processes.append(process)
        note("\(process.name) starts")
        process.start()
    }

    /// Somebody notices, and starts another one.
    func replace(_ process: SimulatedProcess) {
        after(Int.random(in: 50 * .milliseconds...2 * .seconds, using: &random)) { self.startProcess() }
    }

    /// What a step returns: no two return the same.
    func nextNumber() -> Int {
        lastNumber += 1
        return lastNumber
    }

    func note(_ text: @autoclosure () -> String) {
        guard history != nil else { return }
        let seconds = String(format: "%9.4f", Double(now) / Double(Int.seconds))
        history?.append("\(seconds)  \(text())")
    }
}

/// What there was in a simulation.
package struct Tally: Sendable {
    package var events = 0
    package var requests = 0
    package var finished = 0
    package var rejected = 0
    package var parked = 0
    package var kills = 0
    package var zombies = 0
    package var unknownCommits = 0
    package var reaped = 0
    package var jobs = 0
    package var lockWaits = 0
    package var claims = 0
    /// Runs that left the bounds of the promise, and were checked no further.
    package var beyondBounds = 0

    package init() {}

    package mutating func add(_ other: Tally) {
        events += other.events
        requests += other.requests
        finished += other.finished
        rejected += other.rejected
        parked += other.parked
        kills += other.kills
        zombies += other.zombies
        unknownCommits += other.unknownCommits
        reaped += other.reaped
        jobs += other.jobs
        lockWaits += other.lockWaits
        claims += other.claims
        beyondBounds += other.beyondBounds
    }
}
