import Foundation
import Logging
import PostgresPQ
import ServiceLifecycle
import Synchronization
import Testing
import WaymarkTesting

@testable import Waymark
@testable import WaymarkEngine

/// A statement that does not end, beside those of others.
@Suite struct SlowStatementTests {
    /// Where the statement of an order for 'asleep' does not end.
    enum Place: String, CaseIterable, Sendable, CustomTestStringConvertible {
        case statement = "CREATE TRIGGER dozes BEFORE INSERT ON effects"
        case commit = "CREATE CONSTRAINT TRIGGER dozes AFTER INSERT ON effects DEFERRABLE INITIALLY DEFERRED"

        var testDescription: String { self == .statement ? "statement" : "commit" }

        var script: String {
            """
            CREATE FUNCTION doze() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                IF NEW.item = 'asleep' THEN PERFORM pg_sleep(3600); END IF;
                RETURN NEW;
            END $$;
            \(rawValue) FOR EACH ROW EXECUTE FUNCTION doze();
            """
        }
    }

    /// The statements that sleep right now.
    static let asleep: PostgresQuery =
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'"

    /// A unit whose statement about a row is shared with those of others.
    private static func unit(_ id: UUID, item: String, timeout: Duration = .hours(1)) -> CommitUnit {
        var unit = CoalescerTests.unit(id)
        unit.step = .init(
            name: .init(saga: "write-order", step: "reserved"), timeout: timeout,
            hold: Hold(id: id, saga: "write-order", fingerprint: nil), line: "")
        unit.writes = [.row("INSERT INTO effects SELECT * FROM \(row: id, "reserved", item)")]
        return unit
    }

    /// The only place for shared transactions gets the statement that does not end, in one INSERT with those of nine others.
    @Test(arguments: Place.allCases) func aStatementThatDoesNotEndHoldsUpNobodyElse(place: Place) async throws {
        try await CoalescerTests.withKeys(script: place.script) { database, ids async throws in
            let coalescer = CoalescerTests.coalescer(on: database.client)
            let slow = Mutex<[Task<Void, any Error>]>([])
            let committing = Task {
                await withTaskGroup(of: Void.self) { group in
                    for (index, id) in ids.enumerated() {
                        let unit = Self.unit(id, item: index == 4 ? "asleep" : "book")
                        let task = Task { try await coalescer.commit(unit) }
                        if index == 4 {
                            slow.withLock { $0.append(task) }
                        } else {
                            group.addTask { try? await task.value }
                        }
                    }
                }
            }
            try await eventually("all but one are committed") {
                try await database.client.query("SELECT FROM effects").count == ids.count - 1
            }
            await committing.value
            // It has not ended meanwhile, and ends at the server when nobody wants it any more.
            try await eventually("it is asleep, alone") { try await database.client.query(Self.asleep).count == 1 }
            let task = try #require(slow.withLock { $0.first })
            task.cancel()
            await #expect(throws: CancellationError.self) { try await task.value }
            try await eventually("it has ended") { try await database.client.query(Self.asleep).isEmpty }
        }
    }

    /// Eight statements that do not end, on a pool of eight connections.
    @Test func statementsThatDoNotEndLeaveOthersTheirConnections() async throws {
        try await CoalescerTests.withKeys(script: Place.statement.script) { database, ids async throws in
            try await withPostgres(database.url, connections: 8) { client async throws in
                let coalescer = CoalescerTests.coalescer(on: client)
                let slow = ids.prefix(8).map { id in
                    Task { try await coalescer.commit(Self.unit(id, item: "asleep", timeout: .seconds(20))) }
                }
                try await eventually("as many sleep as have places") {
                    try await database.client.query(Self.asleep).count
                        >= client.configuration.maximumConnections / EngineLimits.unhurriedShare
                }
                for id in ids.dropFirst(8) { try await coalescer.commit(Self.unit(id, item: "book")) }
                for task in slow { task.cancel() }
                for task in slow { _ = await task.result }
            }
        }
    }

    /// A place is waited for as long as the step may take, and not longer.
    @Test func aUnitThatFindsNoPlaceFailsLikeAStepThatTookTooLong() async throws {
        let pending = PendingUnit(CommitUnit())
        let result = await pending.result { #expect(pending.queue(for: .milliseconds(20))) }
        #expect(throws: StepTimeout.self) { try result.get() }
        #expect(await pending.run {} == nil, "nobody waits for it any more")
    }

    /// A saga of one phase, whose only statement does not end.
    struct Doze: Saga {
        static let name = "doze"
        var timeout = Duration.hours(1)

        var body: some Step<Order, Order> {
            AtomicPhase("dozed", doze).timeout(timeout).retry(.none)
        }

        func doze(_ order: Order, _ writes: inout Writes) throws -> Order {
            writes.execute("SELECT pg_sleep(3600)")
            return order
        }
    }

    private static func orchestrator(
        _ saga: Doze, on database: TestDatabase, coalescing: Bool
    ) throws -> Orchestrator {
        var configuration = EngineConfiguration()
        if !coalescing { configuration.coalescing = nil }
        configuration.gracePeriod = .milliseconds(50)
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        return Orchestrator(
            postgres: database.client, sagas: try SagaRegistry([saga]), configuration: configuration, logger: logger)
    }

    @Test(arguments: [true, false]) func theTimeoutOfAPhaseThatOnlyWritesIsApplied(coalescing: Bool) async throws {
        try await TestDatabase.with { database async throws in
            let orchestrator = try Self.orchestrator(
                Doze(timeout: .milliseconds(200)), on: database, coalescing: coalescing)
            let outcome = try await orchestrator.run(
                Doze.self, key: IdempotencyKey("k1"), scope: Scope("t"), request: Order(item: "book"))
            #expect(outcome.parkedReason == .attemptsExhausted, "\(outcome)")
            let errors = try await database.client.query("SELECT last_error FROM waymark.keys").decode(String.self)
            #expect(errors == ["the step timed out"])
            try await eventually("nothing sleeps") { try await database.client.query(Self.asleep).isEmpty }
        }
    }

    @Test(arguments: [true, false]) func aStopCancelsAtTheServerWhatIsLeft(coalescing: Bool) async throws {
        try await TestDatabase.with { database async throws in
            let orchestrator = try Self.orchestrator(Doze(), on: database, coalescing: coalescing)
            let group = ServiceGroup(
                configuration: .init(services: [.init(service: orchestrator)], logger: Logger(label: "test")))
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                tasks.addTask { try await group.run() }
                tasks.addTask {
                    _ = try? await orchestrator.run(
                        Doze.self, key: IdempotencyKey("k1"), scope: Scope("t"), request: Order(item: "book"))
                }
                try await eventually("it sleeps") { try await database.client.query(Self.asleep).count == 1 }
                await group.triggerGracefulShutdown()
                try await tasks.waitForAll()
            }
            try await eventually("nothing sleeps") { try await database.client.query(Self.asleep).isEmpty }
        }
    }
}

/// How long the statements of shared transactions may run.
@Suite struct SharedBoundTests {
    @Test func growsWhereNobodyIsToBlameAndIsShortAgainOnceSomebodyIs() {
        var bound = SharedBound(.milliseconds(50))
        bound.exceeded()
        #expect(bound.current == .milliseconds(100))
        for _ in 0..<10 { bound.exceeded() }
        #expect(bound.current == EngineLimits.longestSharedBound)
        bound.foundCulprit()
        #expect(bound.current == .milliseconds(50))
    }

    @Test func shrinksWhereTransactionsRunWell() {
        var bound = SharedBound(.milliseconds(50))
        for _ in 0..<1000 { bound.ran() }
        #expect(bound.current == .milliseconds(50))
        for _ in 0..<2 { bound.exceeded() }
        for _ in 0..<99 { bound.ran() }
        #expect(bound.current == .milliseconds(200))
        bound.ran()
        #expect(bound.current == .milliseconds(100))
    }

    @Test func aLongOneStaysAsLongAsItIs() {
        var bound = SharedBound(.seconds(5))
        bound.exceeded()
        #expect(bound.current == .seconds(5))
    }

    /// A step that takes too long for every request does not get into shared transactions; one that is slow for some does.
    @Test func aStepIsSlowWhereEveryRunOfItIs() throws {
        func unit(_ step: String) -> CommitUnit {
            CommitUnit(
                step: .init(
                    name: .init(saga: "s", step: step), timeout: .seconds(1),
                    hold: Hold(id: UUID(), saga: "s", fingerprint: nil), line: ""))
        }
        let (slow, mixed) = (unit("slow"), unit("mixed"))
        var steps = SlowSteps()
        for _ in 0..<3 {
            for unit in [slow, mixed] { steps.tookTooLong(unit.step) }
            steps.ranWell([PendingUnit(mixed)])
        }
        #expect(steps.contains(slow.step))
        #expect(!steps.contains(mixed.step))
        #expect(!steps.contains(nil))
        steps.ranWell([PendingUnit(slow)])
        #expect(!steps.contains(slow.step), "one quick run lifts it")
    }
}
