import Foundation
import Waymark
import WaymarkTesting

/// A client with one key: asks until it has its answer, and some times more.
final class Client {
    let number: Int
    unowned let world: World
    let key: IdempotencyKey
    let scope: Scope
    private(set) var isContent = false
    private var random: SeededGenerator
    /// The answers, by how often the key had been reaped.
    private var answers: [Int: ModelAnswer] = [:]
    /// How often it asks again although it has its answer.
    private var repeats: Int
    /// Counts the questions, to tell the one that is waited for.
    private var question = 0

    /// How long it waits for an answer before it asks somebody else.
    private static let patience = 3 * .seconds

    init(_ number: Int, in world: World) {
        self.number = number
        self.world = world
        key = Self.key(number)
        scope = Self.scope
        random = SeededGenerator(seed: world.scenario.seed &+ UInt64(number) &* 0xBF58_476D_1CE4_E5B9)
        repeats = Int.random(in: 0...3, using: &random)
    }

    private static let keys = (0..<8).map { number in
        guard let key = try? IdempotencyKey("k\(number)") else { preconditionFailure("a plain key") }
        return key
    }
    static let scope = {
        guard let scope = try? Scope("simulation") else { preconditionFailure("a plain scope") }
        return scope
    }()

    static func key(_ number: Int) -> IdempotencyKey { keys[number] }

    func begin() {
        world.after(random.below(world.scenario.chaosEnd / 2)) { self.ask() }
    }

    private func ask() {
        question += 1
        let asked = question
        let reaps = world.checker.reaps(of: KeyIdentity.rowID(scope: scope, key: key))
        let awake = world.processes.filter { $0.isAlive && !$0.isStopping }
        world.after(Self.patience) { if self.question == asked { self.ask() } }
        guard let process = awake.randomElement(using: &random) else { return }
        world.note("client \(number) asks \(process.name)")
        process.after(random.below(20_000)) { [self] in
            process.submit(key, scope: scope) { [self] submission in
                world.after(random.below(20_000)) { self.hear(submission, asked, reaps) }
            }
        }
    }

    private func hear(_ submission: Submission, _ asked: Int, _ reaps: Int) {
        if case .answered(let answer) = submission { check(answer, reaps) }
        guard question == asked else { return }
        // Nothing that is still on its way to this client is waited for any more.
        question += 1
        world.note("client \(number) hears \(submission)")
        switch submission {
        case .answered: askAgain()
        case .parked: isContent = true
        case .failed: world.after(random.below(500_000)) { self.ask() }
        case .inProgress(let delay):
            world.after(min(delay, Self.patience) + random.below(300_000)) { self.ask() }
        }
    }

    private func askAgain() {
        guard repeats > 0 else {
            isContent = true
            return
        }
        repeats -= 1
        // Sometimes so late that the key was reaped meanwhile.
        let longest = random.below(3) == 0 ? 3 * Scenario.retention : Scenario.lease
        world.after(random.below(longest)) { self.ask() }
    }

    private func check(_ heard: ModelAnswer, _ reaps: Int) {
        if !world.checker.isAnswer(heard, to: KeyIdentity.rowID(scope: scope, key: key)) {
            world.checker.fail("client \(number) was told what is not committed: \(heard)")
        }
        // Only what was asked and heard while one row was there is sure to be of one request.
        guard world.checker.reaps(of: KeyIdentity.rowID(scope: scope, key: key)) == reaps else { return }
        if let known = answers.updateValue(heard, forKey: reaps), known != heard {
            world.checker.fail("client \(number) had the answer \(known), and was then told \(heard)")
        }
    }
}
