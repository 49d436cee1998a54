import Foundation
import PostgresPQ
import Testing
import WaymarkTesting

@testable import Waymark
@testable import WaymarkEngine

/// A request's way to its answer, and what a repeat gets.
@Suite struct RunTests {
    @Test func runsToItsAnswerAndReplaysIt() async throws {
        try await Harness.with { harness in
            let first = try await harness.order("k1")
            let response = try #require(first.response)
            #expect(!first.isReplay)
            #expect(response.item == "book")
            #expect(try await harness.effects() == ["confirmed", "reserved"])

            let second = try await harness.order("k1")
            #expect(second.response == response)
            #expect(second.isReplay)
            #expect(harness.script.calls(of: "charged").count == 1)
            #expect(try await harness.effects() == ["confirmed", "reserved"])

            let (point, done, fence, attempts) = try await harness.row(
                "k1", "recovery_point, done, fence % 1000, attempts", as: (String, Bool, Int, Int).self)
            #expect(point == "finished")
            #expect(done)
            #expect(fence == 1)
            #expect(attempts == 1)
        }
    }

    @Test func stagesItsJobsWithThePhase() async throws {
        try await Harness.with { harness in
            _ = try await harness.order("k1")
            let jobs = try await harness.database.client.query(
                "SELECT name, payload ->> 'number', position FROM waymark.jobs ORDER BY position"
            ).decode((String, String, Int).self)
            #expect(jobs.map(\.0) == ["ship-it", "ship-it"])
            #expect(jobs.map(\.1) == ["1", "2"])
            let (id, incarnation) = try await harness.row("k1", "id, incarnation", as: (UUID, UUID).self)
            let context = KeyContext(
                id: id, scope: harness.scope, key: try IdempotencyKey("k1"), saga: PlaceOrder.name,
                incarnation: incarnation)
            let ids = try await harness.database.client.query("SELECT id FROM waymark.jobs ORDER BY position")
            let derived = (0...1).map { KeyIdentity.jobID(context, recoveryPoint: "finished", position: $0) }
            #expect(try ids.decode(UUID.self) == derived, "the same however often the phase is tried")
        }
    }

    @Test func tellsAnotherRequestWithTheSameKeyApart() async throws {
        try await Harness.with { harness in
            _ = try await harness.order("k1")
            #expect(try await harness.order("k1", quantity: 2).mismatch == .request)
            let other = try await harness.orchestrator.run(
                Notify.self, key: IdempotencyKey("k1"), scope: harness.scope, request: Order(item: "book"))
            #expect(other.mismatch == .saga)
            #expect(harness.script.calls(of: "notified").isEmpty)
        }
    }

    @Test func tellsAnotherRequestApartFromTheOneAtWork() async throws {
        try await Harness.with { harness in
            let release = harness.script.hold("charged")
            let first = Task { try await harness.order("k1") }
            try await eventually("the call is made") { !harness.script.calls(of: "charged").isEmpty }
            #expect(try await harness.order("k1").progress?.cause == .running)
            #expect(try await harness.order("k1", quantity: 2).mismatch == .request)
            let other = try await harness.orchestrator.run(
                Notify.self, key: IdempotencyKey("k1"), scope: harness.scope, request: Order(item: "book"))
            #expect(other.mismatch == .saga)
            release()
            #expect(try await first.value.response != nil)
        }
    }

    @Test(arguments: ["scope = 'tenant:2'", "key = 'k2'"])
    func doesNotReplayARowThatIsNotTheKeys(change: String) async throws {
        try await Harness.with { harness in
            _ = try await harness.order("k1")
            try await harness.database.client.execute("UPDATE waymark.keys SET \(unescaped: change)")
            #expect(try await harness.order("k1").mismatch != nil)
        }
    }

    @Test func keepsScopesApart() async throws {
        try await Harness.with { harness in
            _ = try await harness.order("k1")
            let other = try await harness.orchestrator.run(
                PlaceOrder.self, key: IdempotencyKey("k1"), scope: Scope("tenant:2"), request: Order(item: "pen"))
            #expect(other.response?.item == "pen")
            #expect(!other.isReplay)
        }
    }

    @Test func oneOf64ClientsExecutes() async throws {
        try await Harness.with(connections: 16) { harness in
            let another = try harness.another()
            let outcomes = try await withThrowingTaskGroup(of: Outcome<Receipt>.self) { group in
                for client in 0..<64 {
                    group.addTask { try await (client.isMultiple(of: 2) ? harness : another).order("same") }
                }
                return try await group.reduce(into: [Outcome<Receipt>]()) { $0.append($1) }
            }
            let answers = outcomes.compactMap(\.response)
            #expect(outcomes.count { $0.response != nil && !$0.isReplay } == 1)
            #expect(answers.count + outcomes.count { $0.progress != nil } == 64)
            #expect(Set(answers.map(\.charge)).count == 1)
            #expect(harness.script.calls(of: "charged").count == 1)
            #expect(try await harness.effects() == ["confirmed", "reserved"])
            let late = try await another.order("same")
            #expect(late.isReplay)
            #expect(late.response == answers.first)
        }
    }

    @Test func doesNotWaitForAnAcceptanceThatHangs() async throws {
        try await Harness.with { harness in
            // A process that was stopped between insert and COMMIT: its key is neither there nor not there.
            let request = try AcceptedRequest(
                saga: PlaceOrder.name, version: 1, request: StepValue(value: 1, json: "{}"),
                key: IdempotencyKey("same"), scope: harness.scope)
            let others = KeyStatements(schema: .waymark, holder: "other", lease: .seconds(15), retention: .hours(24))
            try await harness.database.client.withTransaction { transaction in
                _ = try await transaction.query(others.accept([.init(request: request)]))
                let progress = try await harness.order("same").progress
                #expect(progress?.cause == .running)
                #expect(try await harness.effects().isEmpty)
            }
        }
    }

    /// Two processes run the first phase at the same moment, since neither has found the key: one of them counts.
    @Test func ofTwoAcceptancesAtTheSameMomentOneIsRolledBackWhole() async throws {
        try await Harness.with { harness in
            let release = harness.script.hold("reserved")
            let late = Task { try await harness.order("same") }
            try await eventually("the first phase is under way") { !harness.script.calls(of: "reserved").isEmpty }
            let first = try await harness.another(Script()).order("same")
            #expect(first.response != nil && !first.isReplay)
            release()
            let second = try await late.value
            #expect(second.response == first.response && second.isReplay)
            #expect(try await harness.effects() == ["confirmed", "reserved"])
            #expect(harness.script.calls(of: "charged").isEmpty)
        }
    }

    @Test func callsWithOneKeyPerStepWhateverTheAttempt() async throws {
        try await Harness.with { harness in
            harness.script.fail("charged", with: TransientError("down"), TransientError("down"))
            #expect(try await harness.order("k1").response != nil)
            let keys = harness.script.calls(of: "charged")
            #expect(keys.count == 3)
            #expect(Set(keys).count == 1)
            _ = try await harness.order("k2", item: "pen")
            #expect(Set(harness.script.calls(of: "charged")).count == 2)
        }
    }

    @Test func aFirstStepThatCallsOutIsOnRecordBefore() async throws {
        try await Harness.with { harness in
            let release = harness.script.hold("notified")
            async let outcome = harness.orchestrator.run(
                Notify.self, key: IdempotencyKey("n1"), scope: harness.scope, request: Order(item: "book"))
            try await eventually("the call is made") { !harness.script.calls(of: "notified").isEmpty }
            let (point, fence) = try await harness.row("n1", "recovery_point, fence % 1000", as: (String, Int).self)
            #expect(point == "started")
            #expect(fence == 1)
            let repeated = try await harness.another().orchestrator.run(
                Notify.self, key: IdempotencyKey("n1"), scope: harness.scope, request: Order(item: "book"))
            #expect(repeated.progress?.cause == .running, "another process does not take the row for its own")
            release()
            #expect(try await outcome.response?.item == "book")
            #expect(harness.script.calls(of: "notified").count == 1)
        }
    }

    @Test func refusesWhatIsTooLargeAndWritesNothing() async throws {
        try await Harness.with { harness in
            let item = String(repeating: "x", count: Limits.valueBytes)
            await #expect(throws: WaymarkError.self) { try await harness.order("k1", item: item) }
            let count = try await harness.database.client.query("SELECT count(*) FROM waymark.keys").decode(Int.self)
            #expect(count == [0])
        }
    }
}
