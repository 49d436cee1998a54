import Foundation
import Waymark

/// Foreign services: what calls did there, and when. Their answers are as good as any; what they remember is declared.
final class ForeignSystem {
    /// What a call is about, whatever key it comes with.
    struct Operation: Hashable {
        let incarnation: UUID
        let step: Int
        let direction: Direction
    }

    struct Effect {
        let at: Microseconds
        let key: String
        let value: Int
    }

    unowned var world: World!
    /// A system that forgets keys after this part of the horizon that was declared.
    private let horizonFraction: Int
    private(set) var effects: [Operation: [Effect]] = [:]
    private var refused: Set<Operation> = []
    private var lastValue = 0

    init(horizonFraction: Int) { self.horizonFraction = horizonFraction }

    /// A call arrives; gives what it returns, or nil where it was refused before.
    func receive(_ operation: Operation, key: String, _ idempotence: Idempotence) -> Int? {
        if refused.contains(operation) { return nil }
        let known = effects[operation, default: []].last { effect in
            switch idempotence {
            case .natural: true
            case .keyed(let horizon, _):
                effect.key == key && world.now < effect.at + horizon.inMicroseconds / horizonFraction
            case .atMostOnce: false
            }
        }
        if let known { return known.value }
        lastValue += 1
        effects[operation, default: []].append(Effect(at: world.now, key: key, value: lastValue))
        if effects[operation, default: []].count > 1 {
            world.checker.fail("step \(operation.step) (\(operation.direction)) happened twice abroad")
        }
        return lastValue
    }

    /// Whether the call has happened by now, and what it returned.
    func find(_ operation: Operation) -> Int? { effects[operation]?.last?.value }

    /// Refuses a call that has not happened, and then for good. A system that does not replay answers also refuses the
    /// repetition of one that has happened.
    /// - Returns: whether it refuses this one.
    func refuses(_ operation: Operation, _ idempotence: Idempotence) -> Bool {
        if case .keyed(_, replaysAnswers: false) = idempotence { return true }
        guard effects[operation] == nil else { return false }
        refused.insert(operation)
        return true
    }
}
