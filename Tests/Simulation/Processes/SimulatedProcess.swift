import Foundation
import Waymark
import WaymarkTesting

/// A process of ours: takes requests, finishes what others left, reaps and drains, until something ends it.
final class SimulatedProcess {
    let number: Int
    let world: World
    var random: SeededGenerator
    private(set) var isAlive = true
    private(set) var frozenUntil: Microseconds = 0
    private(set) var isStopping = false
    var holds: [UUID: Hold] = [:]
    /// Of this machine's clock, against the true one: up to 100 ppm, as quartz has.
    private let clockRate: Double
    private var boundaries = 0
    private var sessions: [ObjectIdentifier: Session] = [:]
    var isWatching = false

    init(_ number: Int, in world: World) {
        self.number = number
        self.world = world
        random = SeededGenerator(seed: world.scenario.seed ^ UInt64(number + 1) &* 0x94D0_49BB_1331_11EB)
        clockRate = 1 + Double(Int.random(in: -100...100, using: &random)) / 1_000_000
    }

    /// As in `locked_by`.
    var name: String { "p\(number)" }

    /// This machine's clock.
    var clock: Microseconds { Int(Double(world.now) * clockRate) }

    func start() {
        pollForDueKeys()
        pollForJobs()
        pollForExpiredKeys()
    }

    func after(_ delay: Microseconds, _ body: @escaping () -> Void) {
        world.after(delay, of: self, body)
    }

    func note(_ text: @autoclosure () -> String) { world.note("\(name): \(text())") }

    // MARK: Ends

    func die() {
        guard isAlive else { return }
        isAlive = false
        holds = [:]
        for session in sessions.values where !session.isExecuting { session.close(in: world) }
        sessions = [:]
    }

    func kill() {
        note("is killed")
        world.tally.kills += 1
        die()
        world.replace(self)
    }

    private func freeze(_ time: Microseconds) {
        note("freezes for \(time / .milliseconds) ms")
        frozenUntil = world.now + time
        if time > Scenario.lease, !holds.isEmpty { world.tally.zombies += 1 }
    }

    private func stop() {
        guard !isStopping else { return }
        note("is told to stop")
        isStopping = true
        world.replace(self)
        after(1 * .seconds) { [self] in
            // What is still running when the grace period is over is left behind.
            note("ends")
            die()
        }
    }

    // MARK: The outside

    /// What goes wrong at this boundary, once; nil where it goes well.
    func fault(at site: @autoclosure () -> String) -> Fault? {
        boundaries += 1
        if world.isHealed { return nil }
        let fault = world.faults.draw(at: FaultPlan.Place(process: number, boundary: boundaries))
        if let fault { note("\(fault) at \(site())") }
        return fault
    }

    /// Does what the fault does to the process. Gives whether `send` goes out.
    func suffer(_ fault: Fault?, _ send: @escaping () -> Void) {
        switch fault {
        case .kill(let afterSending):
            if afterSending { send() }
            kill()
        case .freeze(let time, let afterSending):
            if afterSending { send() }
            freeze(time)
            if !afterSending { after(0, send) }
        case .stop:
            send()
            stop()
        case .lose, .conflict, nil:
            send()
        }
    }

    func connect(idleTimeout: Microseconds = .max / 2) -> Session {
        let session = Session(idleTimeout: idleTimeout)
        sessions[ObjectIdentifier(session)] = session
        return session
    }

    func disconnect(_ session: Session) { sessions[ObjectIdentifier(session)] = nil }
}
