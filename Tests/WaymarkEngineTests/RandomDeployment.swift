import Foundation
import PostgresPQ
import Synchronization
import WaymarkTesting

@testable import Waymark
@testable import WaymarkEngine

/// A step of a declaration that is made at random, and changed at random.
struct Piece: Sendable {
    enum Kind: CaseIterable { case phase, call, once, wait, sleep, choice, parallel, each }

    var name: String
    var formerNames: [String] = []
    let kind: Kind
    /// The steps of its ways or branches.
    var inside: [[Piece]] = []
}

/// Random declarations, each step under a name of its own.
struct PieceMaker {
    var random: SeededGenerator
    private var count = 0

    init(seed: UInt64) {
        random = SeededGenerator(seed: seed)
    }

    mutating func pieces(_ number: ClosedRange<Int>, isInGroup: Bool = false) -> [Piece] {
        (0..<Int.random(in: number, using: &random)).map { _ in piece(isInGroup: isInGroup) }
    }

    mutating func piece(isInGroup: Bool = false) -> Piece {
        let kinds = isInGroup ? [.phase, .call, .once, .wait, .sleep] : Piece.Kind.allCases
        let kind = kinds.randomElement(using: &random) ?? .phase
        count += 1
        var piece = Piece(name: "s\(count)", kind: kind)
        switch kind {
        case .choice, .parallel: piece.inside = (0..<2).map { _ in pieces(1...2, isInGroup: true) }
        case .each: piece.inside = [pieces(1...2, isInGroup: true)]
        default: break
        }
        return piece
    }

    /// What a deployment makes of a sequence: one change in it, or inside of one of its steps.
    mutating func changed(_ pieces: [Piece], isInGroup: Bool = false) -> [Piece] {
        var pieces = pieces
        if pieces.isEmpty { return [piece(isInGroup: isInGroup)] }
        let place = Int.random(in: 0..<pieces.count, using: &random)
        if !pieces[place].inside.isEmpty, Int.random(in: 0..<3, using: &random) > 0 {
            let branch = Int.random(in: 0..<pieces[place].inside.count, using: &random)
            pieces[place].inside[branch] = changed(pieces[place].inside[branch], isInGroup: true)
            return pieces
        }
        count += 1
        switch Int.random(in: 0..<7, using: &random) {
        case 0, 1: pieces.insert(piece(isInGroup: isInGroup), at: place)
        case 2: pieces.append(piece(isInGroup: isInGroup))
        case 3: pieces.remove(at: place)
        case 4: pieces.swapAt(place, Int.random(in: 0..<pieces.count, using: &random))
        case 5: pieces[place].inside.reverse()
        default:
            if Bool.random(using: &random) { pieces[place].formerNames.append(pieces[place].name) }
            pieces[place].name = "s\(count)"
        }
        return pieces
    }
}

/// What the steps of one request did, and where they are to stop.
final class Stage: Sendable {
    private struct State {
        var begun = 0
        var done: [String: Int] = [:]
        /// How many steps are performed before one fails for long.
        var allowed: Int?
    }

    private let state: Mutex<State>
    let way: Track

    init(stoppingAfter allowed: Int, way: Track) {
        state = Mutex(State(allowed: allowed))
        self.way = way
    }

    func letGo() { state.withLock { $0.allowed = nil } }

    func perform(_ step: String, _ number: Int) throws -> Int {
        try state.withLock { state in
            state.begun += 1
            if let allowed = state.allowed, state.begun > allowed {
                throw TransientError("the answer was lost", retryAfter: .seconds(3000))
            }
            state.done["\(step) of \(number)", default: 0] += 1
        }
        return number
    }

    func hasDone(_ step: String, _ number: Int) -> Bool { state.withLock { $0.done["\(step) of \(number)"] != nil } }

    /// What was done more than once.
    var repeated: [String] { state.withLock { $0.done.filter { $0.value > 1 }.keys.sorted() } }
}

/// A saga that is put together at run time.
struct AssembledSaga: Saga {
    static let name = "assembled"
    let stage: Stage
    let pieces: [Piece]
    /// Whether its waits and sleeps are over at once.
    let isHasty: Bool

    var body: some Step<Int, Int> { sequence(pieces) }

    private func sequence(_ pieces: [Piece]) -> StepSequence { StepSequence(steps: pieces.map(step)) }

    private func step(_ piece: Piece) -> any Step<Int, Int> {
        let (name, stage, id) = (piece.name, stage, piece.formerNames.first ?? piece.name)
        switch piece.kind {
        case .phase:
            return AtomicPhase(name) { (n: Int, _: Transaction) in try stage.perform(id, n) }.known(as: piece)
        case .call:
            let call = ForeignCall(name, .keyed(horizon: .hours(24))) { (n: Int, _: Call) in try stage.perform(id, n) }
            return call.known(as: piece)
        case .once:
            let rule = CallRule<Int, Int>.atMostOnce(settling: .zero) { n, _ in
                stage.hasDone(id, n) ? .happened(n) : .didNotHappen
            }
            return ForeignCall(name, rule) { (n: Int, _: Call) in try stage.perform(id, n) }.known(as: piece)
        case .wait:
            let timeout: Duration = isHasty ? .microseconds(1) : .hours(1)
            let wait = WaitFor(name, event: String.self, timeout: timeout) { (n: Int, _) in try stage.perform(id, n) }
            return wait.known(as: piece)
        case .sleep:
            let date = isHasty ? Date.distantPast : Date.now.addingTimeInterval(100_000)
            return SleepUntil(name) { (_: Int) in date }.known(as: piece)
        case .choice:
            let ways = piece.inside.map(sequence)
            let choice = Choose(name, by: { (_: Int) in stage.way }) { way in way == .road ? ways[0] : ways[1] }
            return choice.known(as: piece)
        case .parallel:
            let branches = piece.inside.map(sequence)
            return Parallel(name, join: { (n: Int, _: Int) in n }) {
                branches[0]
                branches[1]
            }.known(as: piece)
        case .each:
            let inside = sequence(piece.inside[0])
            return ForEach(
                name, over: { (_: Int) in [1, 2] }, concurrency: 2, join: { (n: Int, _: [Int]) in n }
            ) { inside }.known(as: piece)
        }
    }
}

/// Steps that are known at run time only, one after the other.
struct StepSequence: Step {
    typealias Input = Int
    typealias Output = Int

    let steps: [any Step<Int, Int>]

    func declare(into list: inout StepList) {
        for step in steps { step.declare(into: &list) }
    }
}

extension NamedStep<Int, Int> {
    fileprivate func known(as piece: Piece) -> any Step<Int, Int> { with { $0.formerNames = piece.formerNames } }
}
