import PostgresPQ
import RocketRides
import Synchronization
import WaymarkEngine

/// Handing staged jobs on, to a handler in the process.
struct Draining: Scenario {
    let name = "drain"

    func run(in lab: Lab) async throws -> [Row] {
        let delivered = Deliveries()
        return try await lab.withDatabase(name) { database in
            var handlers = JobHandlers()
            try handlers.handle(RideReceipt.self) { _, _ in delivered.add() }
            let drain = Drain(postgres: database.postgres, handlers: handlers, logger: Lab.silent)
            var rates: [Double] = []
            for _ in 1...lab.plan.rounds {
                try await Self.stage(lab.plan.keys, in: database)
                try await database.checkpoint()
                let start = ContinuousClock.now
                while try await drain.runOnce().claimed > 0 {}
                rates.append(Double(lab.plan.keys) / (start.duration(to: .now) / .seconds(1)))
                lab.say("  \(Int(rates.last ?? 0))")
            }
            var problems = try await database.differences(from: 0, ["jobs left": "SELECT count(*) FROM waymark.jobs"])
            if delivered.count != lab.plan.keys * lab.plan.rounds {
                problems.append("deliveries: \(delivered.count) instead of \(lab.plan.keys * lab.plan.rounds)")
            }
            return [Row("jobs drained", "jobs/s", ours: rates.median, problems: problems)]
        }
    }

    /// As many jobs as keys.
    private static func stage(_ count: Int, in database: Database) async throws {
        try await database.postgres.execute(
            """
            INSERT INTO waymark.jobs (id, key_id, name, payload, position, run_at)
            SELECT gen_random_uuid(), gen_random_uuid(), \(RideReceipt.name),
                '{"to": "rider1@example.com", "rideID": "CDF311C1-5BC9-4CB5-8674-5E70692196EF", "amount": 2000,
                    "currency": "usd"}'::jsonb, 0, now()
            FROM generate_series(1, \(count)::int)
            """)
    }
}

/// Counts what a handler was given.
private final class Deliveries: Sendable {
    private let number = Atomic(0)

    var count: Int { number.load(ordering: .relaxed) }

    func add() { number.add(1, ordering: .relaxed) }
}
