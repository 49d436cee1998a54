/// The protocol of the engine under everything that can go wrong, from one seed: processes that die, freeze and wake,
/// commits of unknown outcome, lost connections, foreign services that do it and lose the answer. `RunMachine`, `RunState`
/// and `Journal` are the engine's; the store is a model that `ModelConformanceTests` compares with PostgreSQL.
package struct Simulation {
    package let seed: UInt64
    package let tally: Tally
    /// What was broken; nil where nothing was.
    package let violation: String?

    package init(seed: UInt64, guards: Guards = .all) {
        let world = World(Scenario(seed: seed, guards: guards))
        world.run()
        self.init(world)
    }

    private init(_ world: World) {
        seed = world.scenario.seed
        var tally = world.tally
        tally.events = world.events
        tally.requests = world.checker.acceptedCount
        tally.jobs = world.checker.jobCount
        self.tally = tally
        violation = world.checker.violation
    }

    /// The shortest history found that still breaks something: faults and clients are left out one at a time, and stay out
    /// where it fails without them.
    package static func shortestHistory(seed: UInt64, guards: Guards = .all) -> [String] {
        var scenario = Scenario(seed: seed, guards: guards)
        var world = World(scenario)
        world.run()
        guard world.checker.violation != nil else { return ["seed \(seed) breaks nothing"] }
        for number in 0..<scenario.clients {
            var smaller = scenario
            smaller.absentClients.insert(number)
            drop(&scenario, &world, smaller)
        }
        // One pass may make another fault superfluous; few passes are enough in practice.
        for _ in 0..<shrinkingPasses {
            let before = world.faults.fired.count
            for place in world.faults.fired.reversed() {
                var smaller = scenario
                smaller.suppressed.insert(place)
                drop(&scenario, &world, smaller)
            }
            if world.faults.fired.count == before { break }
        }
        let told = World(scenario, recordsHistory: true)
        told.run()
        return (told.history ?? []) + ["violation: \(told.checker.violation ?? "none")"]
    }

    /// What happens with a seed, for people.
    package static func history(seed: UInt64, guards: Guards = .all) -> [String] {
        let world = World(Scenario(seed: seed, guards: guards), recordsHistory: true)
        world.run()
        return (world.history ?? []) + ["violation: \(world.checker.violation ?? "none")"]
    }

    private static let shrinkingPasses = 4

    private static func drop(_ scenario: inout Scenario, _ world: inout World, _ smaller: Scenario) {
        let candidate = World(smaller)
        candidate.run()
        if candidate.checker.violation == nil { return }
        (scenario, world) = (smaller, candidate)
    }
}
