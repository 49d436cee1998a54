import Waymark
import WaymarkTesting

/// What a seed stands for: a saga, how many of everything there are, and how much goes wrong.
struct Scenario {
    /// Short, so that what depends on them happens within some tens of simulated seconds. What counts is their order: a
    /// lease is longer than a usual step, a freeze may be longer than lease and retention.
    static let lease: Microseconds = 3 * .seconds
    static let retention: Microseconds = 8 * .seconds
    static let jobLease: Microseconds = 2 * .seconds
    /// After this long without any fault everything is at its end: several leases, backoffs and settling times of every
    /// step there can be, and the waits for keys that killed several holders.
    static let healTime: Microseconds = 1_200 * .seconds
    /// More are a livelock.
    static let mostEvents = 60_000

    let seed: UInt64
    let guards: Guards
    let saga: SimulatedSaga
    let processes: Int
    let clients: Int
    let chaosEnd: Microseconds
    let faultsPerMille: Int
    let longestFreeze: Microseconds
    /// The step of the first client's request that kills whoever performs it.
    let poisonedStep: Int?
    /// Left out when a shorter history is looked for.
    var suppressed: Set<FaultPlan.Place> = []
    var absentClients: Set<Int> = []

    init(seed: UInt64, guards: Guards = .all) {
        self.seed = seed
        self.guards = guards
        var random = SeededGenerator(seed: seed ^ 0xA5A5_5A5A_0F0F_F0F0)
        saga = SimulatedSaga.numbered(Int.random(in: 0..<SimulatedSaga.count, using: &random))
        processes = Int.random(in: 2...3, using: &random)
        clients = Int.random(in: 1...3, using: &random)
        chaosEnd = Int.random(in: 5...9, using: &random) * .seconds
        faultsPerMille = [10, 30, 60, 90].randomElement(using: &random) ?? 30
        longestFreeze = [4, 10, 25].map { $0 * .seconds }.randomElement(using: &random) ?? .seconds
        let isPoisoned = Int.random(in: 0..<10, using: &random) == 0
        poisonedStep = isPoisoned ? saga.poisonable(using: &random) : nil
    }
}
