@testable import Waymark

/// A foreign system: what calls did there, and when.
struct SimulatedProvider {
    /// What our key stands for: a step, or its undo.
    struct Operation: Hashable {
        let step: Int
        let direction: Direction

        init(_ work: Work) {
            step = work.step
            direction = work.direction
        }
    }

    /// When each call takes effect: after now, where it is still on its way.
    private var effects: [Operation: [Duration]] = [:]

    /// A call arrives, and takes effect at `instant` unless its key is still remembered.
    mutating func receive(_ operation: Operation, _ idempotence: Idempotence, at instant: Duration) {
        let isKnown = effects[operation, default: []].contains { effect in
            switch idempotence {
            case .natural: true
            case .keyed(let horizon, _): instant < effect + horizon
            case .atMostOnce: false
            }
        }
        if !isKnown { effects[operation, default: []].append(instant) }
    }

    /// Whether a call has taken effect by now.
    func happened(_ operation: Operation, by now: Duration) -> Bool {
        effects[operation, default: []].contains { $0 <= now }
    }

    /// How many effects there are in the end.
    func effects(of operation: Operation) -> Int { effects[operation, default: []].count }

    var operations: [Operation] { Array(effects.keys) }
}
