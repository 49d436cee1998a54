import Waymark

/// What the fixture makes of `PassGate`, as a deployment would: chosen by `PASS_GATE`.
enum PassGateEdition: String {
    case first
    /// Its first step is gone.
    case removed
    /// Its first step has another name.
    case renamed
    /// The same, and nothing says so.
    case undeclared
    /// Its first step gives another type.
    case retyped

    var saga: any Saga {
        switch self {
        case .first: PassGate()
        case .removed: PassGateRemoved()
        case .renamed: PassGateRenamed()
        case .undeclared: PassGateUndeclared()
        case .retyped: PassGateRetyped()
        }
    }
}

struct PassGateRemoved: Saga {
    static let name = PassGate.name
    static let version = 2

    var body: some Step<Passage, Passage> {
        AtomicPhase("passed", PassGate().pass)
            .timeout(.seconds(60))
        AtomicPhase("left", PassGate().leave)
    }
}

struct PassGateRenamed: Saga {
    static let name = PassGate.name
    static let version = 2

    var body: some Step<Passage, Passage> {
        AtomicPhase("entered", PassGate().arrive)
            .renamed(from: "arrived")
        AtomicPhase("passed", PassGate().pass)
            .timeout(.seconds(60))
        AtomicPhase("left", PassGate().leave)
    }
}

struct PassGateUndeclared: Saga {
    static let name = PassGate.name
    static let version = 2

    var body: some Step<Passage, Passage> {
        AtomicPhase("entered", PassGate().arrive)
        AtomicPhase("passed", PassGate().pass)
            .timeout(.seconds(60))
        AtomicPhase("left", PassGate().leave)
    }
}

struct NumberedPassage: Codable, Sendable {
    let name: String
    let number: Int
}

struct PassGateRetyped: Saga {
    static let name = PassGate.name
    static let version = 2

    var body: some Step<Passage, Passage> {
        AtomicPhase("arrived") { (passage: Passage, _: Transaction) in NumberedPassage(name: passage.name, number: 1) }
        AtomicPhase("passed") { (passage: NumberedPassage, _: Transaction) in Passage(name: passage.name) }
        AtomicPhase("left", PassGate().leave)
    }
}
