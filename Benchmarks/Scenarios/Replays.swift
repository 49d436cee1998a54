import Foundation
import PostgresPQ
import Waymark
import WaymarkEngine

/// Asking again for what is answered, against reading such a row by its primary key.
struct Replays: Scenario {
    /// Answered before: few enough to be in memory, many enough that no two in flight are one.
    static let keys = 2_000

    let name = "replay"

    func run(in lab: Lab) async throws -> [Row] {
        let scope = try Scope("user:1")
        return try await lab.withDatabase(name) { database in
            try await database.withOrchestrator([Notify()]) { orchestrator in
                let answer: @Sendable (Int, Bool) async throws -> Void = { number, replayed in
                    try await orchestrator.run(
                        Notify.self, key: IdempotencyKey("key-\(number % Self.keys)"), scope: scope, request: Notice()
                    ).requireFinished(replayed: replayed)
                }
                try await Self.fill { try await answer($0, false) }
                try await Self.copy(in: database)
                let before = try await database.digestOfKeys()
                let loop = ClosedLoop(inFlight: Lab.connections)
                let (ours, byHand) = try await lab.alternate(on: database) { seconds in
                    try await loop.run(seconds: seconds) { try await answer($0, true) }
                } yardstick: { seconds in
                    try await database.pgbench.run(
                        HandwrittenKeys.select(of: Self.keys), clients: HandwrittenRides.clients, seconds: seconds)
                }
                var problems = ours.problems + byHand.problems
                if try await database.digestOfKeys() != before { problems.append("a replay changed a key") }
                return [
                    Row(
                        "replay of an answer, 16 in flight", "replays/s", ours: ours.rate, yardstick: byHand.rate,
                        target: .atLeast(0.5), problems: problems)
                ]
            }
        }
    }

    /// Has every key answered once.
    static func fill(_ answer: @escaping @Sendable (Int) async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for worker in 0..<Lab.connections {
                group.addTask {
                    for number in stride(from: worker, to: keys, by: Lab.connections) { try await answer(number) }
                }
            }
            try await group.waitForAll()
        }
    }

    /// Has pgbench find as many rows as we do.
    static func copy(in database: Database) async throws {
        try await database.postgres.execute(PostgresQuery(unsafeSQL: HandwrittenKeys.copyForReplay))
        try await database.postgres.execute("VACUUM (FREEZE, ANALYZE) waymark.keys")
    }
}
