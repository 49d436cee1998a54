import Foundation
import Logging
import PostgresPQ
import ServiceLifecycle
import Synchronization
import Testing
import Waymark
import WaymarkEngine
import WaymarkTesting

/// A drain as a service: how it fills its places, what a hung handler does to it, and how it stops.
@Suite struct DrainRunTests {
    /// The items that a handler was given.
    private final class Handed: Sendable {
        private let state = Mutex<[String]>([])

        var items: [String] { state.withLock { $0 } }

        func add(_ item: String) { state.withLock { $0.append(item) } }
    }

    /// Runs a drain for the length of `body`, and stops it by a graceful shutdown.
    /// - Parameter handle: what the handler does with an item once it is noted.
    private static func run(
        on database: TestDatabase, concurrency: Int = 2, lease: Duration = .seconds(30),
        gracePeriod: Duration = .seconds(10), _ handle: @escaping @Sendable (String) async throws -> Void,
        _ body: (Handed) async throws -> Void
    ) async throws {
        let handed = Handed()
        var handlers = JobHandlers()
        try handlers.handle(ShipIt.self) { job, _ in
            handed.add(job.item)
            try await handle(job.item)
        }
        var configuration = Drain.Configuration()
        configuration.concurrency = concurrency
        configuration.lease = lease
        configuration.gracePeriod = gracePeriod
        configuration.pace = Pace(idle: .milliseconds(20))
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        let drain = Drain(postgres: database.client, handlers: handlers, configuration: configuration, logger: logger)
        let group = ServiceGroup(services: [drain], logger: logger)
        let service = Task { try await group.run() }
        do {
            try await body(handed)
        } catch {
            service.cancel()
            throw error
        }
        await group.triggerGracefulShutdown()
        try await service.value
    }

    /// One job for each item, each of a key of its own.
    private static func stage(_ items: [String], in database: TestDatabase) async throws {
        for item in items {
            try await database.client.execute(
                """
                INSERT INTO waymark.jobs (id, key_id, name, payload, position, run_at)
                VALUES (\(UUID()), \(UUID()), 'ship-it', jsonb_build_object('item', \(item)::text, 'number', 1), 0, now())
                """)
        }
    }

    /// Waits, and ignores that it is cancelled, until the test opens it.
    private final class DeafGate: Sendable {
        private let state = Mutex<(isOpen: Bool, waiting: [CheckedContinuation<Void, Never>])>((false, []))

        func wait() async {
            await withCheckedContinuation { continuation in
                let isOpen = state.withLock { state in
                    if !state.isOpen { state.waiting.append(continuation) }
                    return state.isOpen
                }
                if isOpen { continuation.resume() }
            }
        }

        func open() {
            let waiting = state.withLock { state in
                defer { state = (true, []) }
                return state.waiting
            }
            for continuation in waiting { continuation.resume() }
        }
    }

    @Test func oneSlowDeliveryHoldsNoOtherBack() async throws {
        try await TestDatabase.with { database in
            let gate = DeafGate()
            try await Self.stage(["slow"], in: database)
            try await Self.run(on: database) { item in
                if item == "slow" { await gate.wait() }
            } _: { handed in
                defer { gate.open() }
                try await eventually("the slow delivery is under way") { handed.items == ["slow"] }
                try await Self.stage(["a", "b", "c", "d"], in: database)
                try await eventually("all others are delivered beside it") {
                    try await DrainTests.remaining(database) == 1
                }
            }
            #expect(try await DrainTests.remaining(database) == 0, "a stop waits for the delivery at hand")
        }
    }

    @Test func aHandlerThatIgnoresItsCancellationStopsTheDrainNoLonger() async throws {
        try await TestDatabase.with { database in
            let gate = DeafGate()
            defer { gate.open() }
            try await Self.stage(["deaf"], in: database)
            try await Self.run(on: database, concurrency: 1, lease: .milliseconds(100)) { item in
                if item == "deaf" { await gate.wait() }
            } _: { handed in
                try await eventually("its delivery failed, although it never ended") {
                    try await database.client.query(
                        "SELECT FROM waymark.jobs WHERE attempts = 1 AND last_error IS NOT NULL"
                    ).count == 1
                }
                try await database.client.execute("UPDATE waymark.jobs SET run_at = now() + interval '1 hour'")
                try await Self.stage(["next"], in: database)
                try await eventually("its place is filled") { try await DrainTests.remaining(database) == 1 }
                #expect(handed.items == ["deaf", "next"])
            }
        }
    }

    @Test(arguments: [false, true])
    func aStopGivesJobsBackWithoutAnAttempt(isDeaf: Bool) async throws {
        try await TestDatabase.with { database in
            let gate = DeafGate()
            defer { gate.open() }
            try await Self.stage(["held", "held too"], in: database)
            try await Self.run(on: database, gracePeriod: .milliseconds(50)) { _ in
                if isDeaf { await gate.wait() } else { try await Task.sleep(for: .seconds(600)) }
            } _: { handed in
                try await eventually("both are under way") { handed.items.count == 2 }
            }
            let jobs = try await database.client.query(
                "SELECT attempts, fence, run_at <= now(), last_error FROM waymark.jobs"
            ).decode((Int, Int, Bool, String?).self)
            #expect(jobs.count == 2)
            for job in jobs {
                #expect(job.0 == 0, "a stop is no failed attempt")
                #expect(job.1 == 1)
                #expect(job.2, "due at once")
                #expect(job.3 == nil)
            }
        }
    }

    /// A supervisor that cancels instead of asking.
    @Test func aCancelledDrainGivesItsJobsBackAtOnce() async throws {
        try await TestDatabase.with { database in
            try await Self.stage(["held"], in: database)
            let handed = Handed()
            var handlers = JobHandlers()
            try handlers.handle(ShipIt.self) { job, _ in
                handed.add(job.item)
                try await Task.sleep(for: .seconds(600))
            }
            let drain = Drain(postgres: database.client, handlers: handlers)
            let service = Task { try await drain.run() }
            try await eventually("it is under way") { !handed.items.isEmpty }
            service.cancel()
            try await service.value
            let attempts = try await database.client.query("SELECT attempts FROM waymark.jobs WHERE run_at <= now()")
            #expect(try attempts.decode(Int.self) == [0])
        }
    }
}
