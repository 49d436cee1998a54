import Staging
import Synchronization

/// Carries the plan out.
final class Chaos: Sendable {
    /// What was done.
    struct Record: Sendable {
        var orchestratorKills = 0
        var completionistKills = 0
        var databaseStops = 0
        /// Rides that were under way at the blows, counted at each.
        var ridesUnderWay = 0
    }

    /// How long a process lives between two blows, at the least.
    private static let shortestLife = Duration.milliseconds(400)

    private let plan: ChaosPlan
    private let stage: Stage
    private let tally: Tally
    private let state = Mutex(Record())

    init(plan: ChaosPlan, stage: Stage, tally: Tally) {
        self.plan = plan
        self.stage = stage
        self.tally = tally
    }

    /// What was done so far.
    var record: Record { state.withLock { $0 } }

    /// Deals every blow at its time, and returns when everything is up again.
    func run() async throws {
        let started = ContinuousClock.now
        try await withThrowingTaskGroup(of: Void.self) { group in
            // One lane each, so that PostgreSQL's recovery delays no kill.
            for number in 0...stage.cast.orchestrators + 1 {
                let events = plan.events.filter { self.lane(of: $0.blow) == number }
                group.addTask {
                    for event in events {
                        // Blows that wait for a slow start would else fall on a process that has done nothing yet.
                        let time = max(started + event.at, .now + Self.shortestLife)
                        try await Task.sleep(until: time, clock: .continuous)
                        try await self.deal(event.blow)
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    /// What is struck: blows on one thing follow each other.
    private func lane(of blow: ChaosPlan.Blow) -> Int {
        switch blow {
        case .completionist: 0
        case .orchestrator(let number, _): number
        case .postgres: stage.cast.orchestrators + 1
        }
    }

    /// One blow, and the recovery from it.
    private func deal(_ blow: ChaosPlan.Blow) async throws {
        let underWay = tally.snapshot.ridesUnderWay
        switch blow {
        case .orchestrator(let number, let away):
            let name = stage.cast.orchestratorNames[number - 1]
            try await stage.kill(name)
            note(underWay) { $0.orchestratorKills += 1 }
            try await Task.sleep(for: away)
            try await stage.start(name)
        case .completionist:
            try await stage.kill("completionist")
            try await stage.start("completionist")
            note(underWay) { $0.completionistKills += 1 }
        case .postgres(let away):
            try await stage.stopPostgres()
            note(underWay) { $0.databaseStops += 1 }
            try await Task.sleep(for: away)
            try await stage.startPostgres()
        }
    }

    /// Writes a blow down.
    private func note(_ underWay: Int, _ change: (inout Record) -> Void) {
        state.withLock { record in
            record.ridesUnderWay += underWay
            change(&record)
        }
    }
}
