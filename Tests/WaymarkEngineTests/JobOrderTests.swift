import Foundation
import PostgresPQ
import Synchronization
import Testing
import Waymark
import WaymarkEngine
import WaymarkTesting

/// Which jobs of one key wait for each other, and in what order.
@Suite struct JobOrderTests {
    struct Receipt: Job {
        static let name = "receipt"
        let number: Int
    }

    struct Reminder: Job {
        static let name = "reminder"
        let number: Int
    }

    struct Correction: Job {
        static let name = "correction"
        static let lane = Receipt.name
        let number: Int
    }

    struct Numbered: Codable, Sendable {
        let number: Int
    }

    /// Stages a reminder and receipts, in this order.
    struct StageThem: Saga {
        static let name = "stage-them"
        /// What to stage.
        let stage: @Sendable (Transaction) throws -> Void

        var body: some Step<Numbered, Numbered> { AtomicPhase("staged", run) }

        func run(_ request: Numbered, _ tx: Transaction) async throws -> Numbered {
            try stage(tx)
            return request
        }
    }

    /// Stages jobs in one phase, and gives what each round of a drain delivers. A job with the number 0 fails.
    private static func rounds(
        _ count: Int, of stage: @escaping @Sendable (Transaction) throws -> Void
    ) async throws -> [Set<String>] {
        let collected = Mutex<[Set<String>]>([])
        try await TestDatabase.with { database in
            let orchestrator = Orchestrator(
                postgres: database.client, sagas: try SagaRegistry([StageThem(stage: stage)]))
            _ = try await orchestrator.run(
                StageThem.self, key: IdempotencyKey("k1"), scope: Scope("me"), request: Numbered(number: 1))
            let delivered = Mutex<Set<String>>([])
            var handlers = JobHandlers()
            @Sendable func deliver(_ name: String, _ number: Int) throws {
                if number == 0 { throw TransientError("refused", retryAfter: .seconds(300)) }
                _ = delivered.withLock { $0.insert("\(name) \(number)") }
            }
            try handlers.handle(Receipt.self) { job, _ in try deliver(Receipt.name, job.number) }
            try handlers.handle(Reminder.self) { job, _ in try deliver(Reminder.name, job.number) }
            try handlers.handle(Correction.self) { job, _ in try deliver(Correction.name, job.number) }
            let drain = Drain(postgres: database.client, handlers: handlers)
            for _ in 0..<count {
                _ = try await drain.runOnce()
                let round = delivered.withLock { delivered in
                    defer { delivered = [] }
                    return delivered
                }
                collected.withLock { $0.append(round) }
            }
        }
        return collected.withLock { $0 }
    }

    @Test func aReminderInThirtyHoursHoldsBackNoReceipt() async throws {
        let rounds = try await Self.rounds(1) { tx in
            try tx.stage(Reminder(number: 1), after: .hours(30))
            try tx.stage(Receipt(number: 1))
        }
        #expect(rounds == [["receipt 1"]])
    }

    @Test func aDelayedJobHoldsBackNoneOfItsOwnNameThatIsDueBefore() async throws {
        let rounds = try await Self.rounds(1) { tx in
            try tx.stage(Receipt(number: 1), after: .hours(30))
            try tx.stage(Receipt(number: 2))
        }
        #expect(rounds == [["receipt 2"]])
    }

    @Test func jobsOfOneNameWaitForEachOtherAndOthersDoNot() async throws {
        let rounds = try await Self.rounds(3) { tx in
            try tx.stage(Receipt(number: 1))
            try tx.stage(Receipt(number: 2))
            try tx.stage(Reminder(number: 1))
        }
        #expect(rounds == [["receipt 1", "reminder 1"], ["receipt 2"], []])
    }

    @Test func jobsThatShareALaneWaitForEachOther() async throws {
        let rounds = try await Self.rounds(2) { tx in
            try tx.stage(Receipt(number: 1))
            try tx.stage(Correction(number: 1))
        }
        #expect(rounds == [["receipt 1"], ["correction 1"]])
    }

    @Test func aJobThatFailsHoldsUpItsLaneAlone() async throws {
        let rounds = try await Self.rounds(2) { tx in
            try tx.stage(Receipt(number: 0))
            try tx.stage(Correction(number: 1))
            try tx.stage(Reminder(number: 1))
        }
        #expect(rounds == [["reminder 1"], []])
    }

    /// Jobs from before the migration have no lane: they wait for those of their name.
    @Test func aJobWithoutALaneIsInThatOfItsName() async throws {
        try await TestDatabase.with { database in
            let key = UUID()
            for (position, name) in ["receipt", "receipt", "reminder"].enumerated() {
                try await database.client.execute(
                    """
                    INSERT INTO waymark.jobs (id, key_id, name, payload, position, run_at)
                    VALUES (\(UUID()), \(key), \(name), '{"number": 1}', \(Int16(position)), now())
                    """)
            }
            var handlers = JobHandlers()
            try handlers.handle(Receipt.self) { _, _ in }
            try handlers.handle(Reminder.self) { _, _ in }
            let drain = Drain(postgres: database.client, handlers: handlers)
            // Each was inserted by a transaction of its own, so in this order.
            #expect(try await drain.runOnce().delivered == 2)
            #expect(try await drain.runOnce().delivered == 1)
        }
    }
}
