import Waymark

/// What the fixture makes of `PassGate`, as a deployment would: chosen by `PASS_GATE`.
enum PassGateEdition: String {
    case first
    /// Its first step is gone.
    case removed
    /// Its first step has another name.
    case renamed

    var saga: any Saga {
        switch self {
        case .first: PassGate()
        case .removed: PassGateRemoved()
        case .renamed: PassGateRenamed()
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
