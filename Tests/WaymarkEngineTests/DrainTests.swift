import Foundation
import Logging
import PostgresPQ
import Synchronization
import Testing
import Waymark
import WaymarkEngine
import WaymarkTesting

/// Staged jobs on their way out: at least once, in order, and exactly the acknowledged ones deleted.
@Suite struct DrainTests {
    /// What arrived, and what the next deliveries throw.
    final class Sink: Sendable {
        private let state = Mutex<(delivered: [(ShipIt, JobDelivery)], failures: Int)>(([], 0))

        var delivered: [(ShipIt, JobDelivery)] { state.withLock { $0.delivered } }

        func fail(next count: Int) { state.withLock { $0.failures = count } }

        func take(_ job: ShipIt, _ delivery: JobDelivery) throws {
            try state.withLock { state in
                if state.failures > 0 {
                    state.failures -= 1
                    throw TransientError("the sink is full")
                }
                state.delivered.append((job, delivery))
            }
        }
    }

    static func drain(
        _ database: TestDatabase, _ sink: Sink, attempts: Int = 3
    ) throws -> Drain {
        var handlers = JobHandlers()
        try handlers.handle(ShipIt.self) { job, delivery in try sink.take(job, delivery) }
        var configuration = Drain.Configuration()
        configuration.retry = .exponential(attempts: attempts, base: .zero, cap: .zero)
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        return Drain(postgres: database.client, handlers: handlers, configuration: configuration, logger: logger)
    }

    static func remaining(_ database: TestDatabase) async throws -> Int {
        try await database.client.query("SELECT count(*) FROM waymark.jobs").decode(Int.self)[0]
    }

    @Test func deliversInOrderAndDeletes() async throws {
        try await Harness.with { harness in
            let sink = Sink()
            for number in 1...20 { _ = try await harness.order("k\(number)", item: "item \(number)") }
            let drain = try Self.drain(harness.database, sink)
            #expect(
                try await drain.runOnce().delivered == 16, "as many as are delivered at once, of each key the first")
            while try await drain.runOnce().claimed > 0 {}
            #expect(sink.delivered.count == 40)
            for number in 1...20 {
                #expect(sink.delivered.filter { $0.0.item == "item \(number)" }.map(\.0.number) == [1, 2])
            }
            #expect(try await Self.remaining(harness.database) == 0)
        }
    }

    @Test func aFailedJobKeepsItsIdAndHoldsUpThoseBehindIt() async throws {
        try await Harness.with { harness async throws in
            let sink = Sink()
            _ = try await harness.order("k1")
            let drain = try Self.drain(harness.database, sink)
            sink.fail(next: 1)
            let first = try await drain.runOnce()
            #expect(first.retried == 1)
            #expect(first.delivered == 0)
            #expect(sink.delivered.isEmpty)
            #expect(try await Self.remaining(harness.database) == 2)
            #expect(try await drain.runOnce().delivered == 1)
            #expect(try await drain.runOnce().delivered == 1)
            #expect(sink.delivered.map(\.0.number) == [1, 2])
            #expect(sink.delivered.map(\.1.attempt) == [2, 1], "a job that was held up burned no attempt")
        }
    }

    @Test func aJobOfARolledBackPhaseDoesNotExist() async throws {
        try await Harness.with { harness async throws in
            harness.script.fail("confirmed", with: Rejection(status: 409, type: "no", title: "No"))
            _ = try await harness.order("k1")
            #expect(try await Self.remaining(harness.database) == 0)
        }
    }

    @Test func aJobThatIsNeverTakenIsKeptAsDead() async throws {
        try await Harness.with { harness async throws in
            let sink = Sink()
            _ = try await harness.order("k1")
            try await harness.database.client.execute("DELETE FROM waymark.jobs WHERE position = 1")
            let drain = try Self.drain(harness.database, sink, attempts: 2)
            sink.fail(next: 10)
            #expect(try await drain.runOnce().retried == 1)
            #expect(try await drain.runOnce().dead == 1)
            #expect(try await drain.runOnce().claimed == 0)
            let dead = try await harness.database.client.query("SELECT last_error FROM waymark.jobs WHERE dead")
            #expect(try dead.decode(String.self) == ["TransientError: the sink is full"])
        }
    }

    @Test func manyDrainsDeliverEachJobOnceAndInOrder() async throws {
        try await Harness.with(connections: 12) { harness in
            let sink = Sink()
            for number in 1...30 { _ = try await harness.order("k\(number)") }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<4 {
                    let drain = try Self.drain(harness.database, sink)
                    group.addTask {
                        while try await Self.remaining(harness.database) > 0 { _ = try await drain.runOnce() }
                    }
                }
                try await group.waitForAll()
            }
            #expect(sink.delivered.count == 60)
            #expect(Set(sink.delivered.map(\.1.id)).count == 60)
            for deliveries in Dictionary(grouping: sink.delivered, by: \.1.keyID).values {
                #expect(deliveries.map(\.0.number) == [1, 2], "another drain does not overtake")
            }
        }
    }

    @Test func leavesJobsAloneThatItHasNoHandlerFor() async throws {
        try await Harness.with { harness async throws in
            _ = try await harness.order("k1")
            try await harness.database.client.execute("UPDATE waymark.jobs SET name = 'of-another-binary'")
            #expect(try await Self.drain(harness.database, Sink()).runOnce().claimed == 0)
            #expect(try await Self.remaining(harness.database) == 2)
        }
    }
}
