import Foundation
import Staging

/// The demo from the first process to the verdict.
struct Performance: Sendable {
    let stage: Stage
    let screen: Screen
    let seed: UInt64
    let rides: Int
    let clients: Int

    /// How long the rides are spread over: long enough for eight kills, longer for many rides.
    private var window: Duration { .seconds(max(17, Double(rides) / 40)) }

    /// Gives it all, and says how it went. Stops every process but PostgreSQL.
    func run() async throws -> Verdict {
        let started = ContinuousClock.now
        screen.say("starting PostgreSQL, the sandbox, 2 orchestrators, completionist, reaper and drain")
        try await stage.setUp()
        let plan = ChaosPlan(seed: seed, window: window)
        let orders = RideOrder.make(rides, seed: seed, window: window)
        let tally = Tally(rides: rides)
        let riders = Riders(orders: orders, clients: clients, servers: stage.servers, tally: tally)
        let chaos = Chaos(plan: plan, stage: stage, tally: tally)
        screen.say("booking \(rides) rides with \(clients) clients, killing as they go")
        let results = try await screen.showing({ Self.progress(tally, chaos) }) {
            try await Self.together(riders, chaos)
        }
        let audit = Audit(stage: stage, results: results)
        screen.say("waiting until everything begun is finished and every receipt is delivered")
        let patience = try await audit.waitUntilSettled()
        screen.say("asking once more for every ride")
        let replays = try await riders.askAgain()
        var verdict = try await audit.verdict(replays: replays)
        if !patience { verdict.problems.append("Not everything was over after \(Audit.patience).") }
        verdict.problems += await stage.stopAll()
        let summary = Summary(
            chaos: chaos.record, tally: tally.snapshot, facts: verdict.facts, results: results,
            elapsed: .now - started)
        screen.say(summary.text)
        return verdict
    }

    /// The riders' results; the chaos ends with its plan, or with the riders where they are done first.
    private static func together(_ riders: Riders, _ chaos: Chaos) async throws -> [RideResult] {
        try await withThrowingTaskGroup(of: [RideResult]?.self) { group in
            group.addTask {
                try await chaos.run()
                return nil
            }
            group.addTask { try await riders.bookAll() }
            var results: [RideResult] = []
            for try await part in group {
                if let part { results = part }
            }
            return results
        }
    }

    /// For the progress bar.
    private static func progress(_ tally: Tally, _ chaos: Chaos) -> Screen.Progress {
        let (counts, record) = (tally.snapshot, chaos.record)
        return Screen.Progress(
            done: counts.ridesDone, of: counts.rides, unit: "rides",
            note: "orchestrators killed \(record.orchestratorKills), completionist \(record.completionistKills), "
                + "PostgreSQL \(record.databaseStops)")
    }
}
