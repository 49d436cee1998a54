import PostgresPQ
import Staging
import WaymarkTesting

/// A run from the first process to the verdict.
struct ChaosRun: Sendable {
    /// Of so many answers one is asked for once more when all is over.
    private static let lateRepeats = 10

    let stage: Stage
    let network: Network
    let load: Load
    let schedule: Schedule
    let seed: UInt64
    let screen: Screen

    /// What is known when nobody asks any more.
    private struct Course: Sendable {
        let blows: Blows.Record
        let duringChaos: Double
        let recovery: Recovery
    }

    /// Runs all of it. Stops every process but PostgreSQL.
    func perform() async throws -> Outcome {
        screen.say("starting PostgreSQL, the sandbox and \(stage.cast.names.joined(separator: ", "))")
        try await stage.setUp()
        let surroundings = try await stage.surroundings
        return try await withPostgres(surroundings.connectionString, connections: 2) { postgres in
            try await postgres.executeScript(WithdrawalOrder.schema)
            let course = try await together()
            screen.say("waiting until everything begun is over")
            let settling = try await settle(postgres)
            let repeats = load.records.answered / Self.lateRepeats
            screen.say("asking once more for \(repeats) answers")
            try await load.askAgain(repeats)
            let verdict = Verdict(records: load.records.all, facts: try await Facts.read(from: postgres, surroundings))
            return Outcome(
                sagas: verdict.finished + verdict.rejected + verdict.parked, repeats: load.records.repeats,
                blows: course.blows, cuts: network.cuts, duringChaos: course.duringChaos, recovery: course.recovery,
                settling: settling, verdict: verdict, complaints: await stage.stopAll(), schedule: schedule)
        }
    }

    /// The clients, and what is done to those who serve them.
    private func together() async throws -> Course {
        try await withThrowingTaskGroup(of: Course?.self) { group in
            group.addTask {
                try await load.run()
                return nil
            }
            group.addTask { try await strike() }
            var course: Course?
            for try await part in group { course = part ?? course }
            guard let course else { throw CancellationError() }
            return course
        }
    }

    /// Measures the pace, strikes, and measures it again.
    private func strike() async throws -> Course {
        let records = load.records
        screen.say("measuring the undisturbed pace of \(load.clients) clients for \(schedule.calm)")
        try await Task.sleep(for: Schedule.warmUp)
        let calm = ContinuousClock.now
        try await Task.sleep(for: schedule.calm)
        let before = records.rate(from: calm, to: .now)
        screen.say("chaos for \(schedule.chaos)")
        let struck = ContinuousClock.now
        let blows = Blows(stage: stage, network: network, seed: seed, duration: schedule.chaos)
        try await screen.showing({ progress(blows, since: struck) }) { try await blows.run() }
        let healed = ContinuousClock.now
        let duringChaos = records.rate(from: struck, to: healed)
        screen.say("all is up again: measuring the pace")
        let recovery = try await Recovery.watch(records, before: before, healedAt: healed, schedule: schedule)
        load.end(patience: Schedule.patience)
        return Course(blows: blows.record, duringChaos: duringChaos, recovery: recovery)
    }

    /// Waits until no key is on its way and every job is handed on.
    /// - Returns: How long that took; nil when it took too long.
    private func settle(_ postgres: PostgresClient) async throws -> Duration? {
        let started = ContinuousClock.now
        do {
            try await eventually("everything is over", within: Schedule.patience) {
                try await Facts.underWay(in: postgres) == (0, 0)
            }
            return .now - started
        } catch is ConditionNotMet {
            return nil
        }
    }

    private func progress(_ blows: Blows, since start: ContinuousClock.Instant) -> Screen.Progress {
        let record = blows.record
        return Screen.Progress(
            done: Int((.now - start) / .seconds(1)), of: Int(schedule.chaos / .seconds(1)), unit: "s",
            note: "sagas \(load.records.answered), kills \(record.killed), PostgreSQL stopped \(record.postgresStops), "
                + "cut \(network.cuts)")
    }
}
