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
        private struct State {
            var delivered: [(ShipIt, JobDelivery)] = []
            var failures = 0
            var refused: [Int: TransientError] = [:]
        }

        private let state = Mutex(State())

        var delivered: [(ShipIt, JobDelivery)] { state.withLock { $0.delivered } }

        func fail(next count: Int) { state.withLock { $0.failures = count } }

        func refuse(_ number: Int, retryAfter: Duration? = nil) {
            state.withLock { $0.refused[number] = TransientError("the sink is full", retryAfter: retryAfter) }
        }

        func take(_ job: ShipIt, _ delivery: JobDelivery) throws {
            try state.withLock { state in
                if let refusal = state.refused[job.number] { throw refusal }
                if state.failures > 0 {
                    state.failures -= 1
                    throw TransientError("the sink is full")
                }
                state.delivered.append((job, delivery))
            }
        }
    }

    static func drain(
        _ database: TestDatabase, _ sink: Sink, attempts: Int = 3, concurrency: Int = 16
    ) throws -> Drain {
        var handlers = JobHandlers()
        try handlers.handle(ShipIt.self) { job, delivery in try sink.take(job, delivery) }
        var configuration = Drain.Configuration()
        configuration.retry = .exponential(attempts: attempts, base: .zero, cap: .zero)
        configuration.concurrency = concurrency
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

    @Test func deletesNothingButWhatWasAcknowledged() async throws {
        try await Harness.with { harness async throws in
            let sink = Sink()
            _ = try await harness.order("k1")
            sink.refuse(2, retryAfter: .seconds(300))
            let drain = try Self.drain(harness.database, sink)
            #expect(try await drain.runOnce().delivered == 1)
            #expect(try await drain.runOnce().retried == 1)
            let left = try await harness.database.client.query(
                "SELECT (payload ->> 'number')::int, run_at > now() + interval '290 seconds' FROM waymark.jobs"
            ).decode((Int, Bool).self)
            #expect(left.map(\.0) == [2])
            #expect(left.map(\.1) == [true], "not before the receiver asked for it")
        }
    }

    @Test func takesJobsInTheOrderInWhichTheyWereStaged() async throws {
        try await Harness.with { harness async throws in
            let sink = Sink()
            _ = try await harness.order("k1")
            // Moves the first job behind the second one in the table.
            try await harness.database.client.execute("UPDATE waymark.jobs SET attempts = 0 WHERE position = 0")
            // No plan that happens to come by them in order.
            let options = " options='-c enable_indexscan=off -c enable_bitmapscan=off'"
            try await withPostgres(harness.database.url + options) { client in
                let drain = try Self.drain(
                    TestDatabase(url: harness.database.url, client: client), sink, concurrency: 1)
                while try await drain.runOnce().claimed > 0 {}
            }
            #expect(sink.delivered.map(\.0.number) == [1, 2])
        }
    }

    @Test func passesByWhatAnotherIsTaking() async throws {
        try await Harness.with { harness async throws in
            let sink = Sink()
            _ = try await harness.order("k1", item: "taken")
            _ = try await harness.order("k2", item: "free")
            try await harness.database.client.withTransaction { tx in
                _ = try await tx.query("SELECT FROM waymark.jobs WHERE payload ->> 'item' = 'taken' FOR UPDATE")
                // A drain that waited for the row would fail.
                try await withPostgres(harness.database.url + " options='-c lock_timeout=5s'") { client async throws in
                    let database = TestDatabase(url: harness.database.url, client: client)
                    let round = try await Self.drain(database, sink).runOnce()
                    #expect(round.claimed == 1)
                }
            }
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

    @Test func aDeliveryThatOutlivesItsLeaseIsCancelledAndTriedAgain() async throws {
        try await Harness.with { harness async throws in
            _ = try await harness.order("k1")
            let (gate, opened) = AsyncStream<Void>.makeStream()
            defer { opened.finish() }
            var handlers = JobHandlers()
            try handlers.handle(ShipIt.self) { _, _ in
                for await _ in gate {}
                try Task.checkCancellation()
            }
            var configuration = Drain.Configuration()
            configuration.lease = .milliseconds(100)
            let drain = Drain(
                postgres: harness.database.client, handlers: handlers, configuration: configuration)
            let round = Task { try await drain.runOnce() }
            try await eventually("the delivery failed, though nobody opened the gate") {
                try await harness.database.client.query("SELECT FROM waymark.jobs WHERE last_error IS NOT NULL")
                    .count == 1
            }
            #expect(try await round.value.retried == 1)
        }
    }

    @Test func anAcknowledgedJobIsDeletedWhileAnotherIsStillDelivered() async throws {
        try await Harness.with { harness async throws in
            for item in ["slow", "quick", "quick too"] { _ = try await harness.order(item, item: item) }
            let (gate, opened) = AsyncStream<Void>.makeStream()
            var handlers = JobHandlers()
            try handlers.handle(ShipIt.self) { job, _ in
                if job.item == "slow" { for await _ in gate {} }
            }
            let drain = Drain(postgres: harness.database.client, handlers: handlers)
            let round = Task { try await drain.runOnce() }
            try await eventually("the first job of each quick key is gone") {
                try await Self.remaining(harness.database) == 4
            }
            opened.finish()
            #expect(try await round.value.delivered == 3)
            #expect(try await Self.remaining(harness.database) == 3)
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
