import Foundation
import Logging
import PostgresPQ
import Testing
import Waymark
import WaymarkTesting

@testable import WaymarkEngine

/// Steps that wait, renamed while they do: what comes for them comes under their first name.
@Suite struct RenamedWaitTests {
    @Test func whatWasDeliveredBeforeARenamingIsFoundAfterIt() async throws {
        try await Self.withOrchestrators { client, first, renamed in
            try await Self.ask(first)
            let round = try await Completionist(first).runOnce()
            #expect(round.claimed == 1, "the child")
            #expect(try await Self.points(client) == ["asked:waiting", "finished"])
            try await Self.lapse(client)
            #expect(try await Completionist(renamed).runOnce().released == 1, "the child's answer was found")
            #expect(try await Self.points(client) == ["approved_now:waiting", "finished"])
        }
    }

    @Test func anEventComesByTheFirstName() async throws {
        try await Self.withOrchestrators { client, first, renamed in
            try await Self.ask(first)
            _ = try await Completionist(first).runOnce()
            try await Self.lapse(client)
            _ = try await Completionist(first).runOnce()
            #expect(try await Self.points(client) == ["approved:waiting", "finished"])
            let delivery = try await first.signal(
                Approve<FirstEdition>.self, "approved", key: IdempotencyKey("k1"), scope: Scope("tenant:1"),
                payload: "yes")
            #expect(delivery == .delivered)
            try await Self.lapse(client)
            #expect(try await Completionist(renamed).runOnce().finished == 1)
            let answers = try await client.query("SELECT response_body FROM waymark.keys ORDER BY 1").decode(
                String.self)
            #expect(answers == [#""asked, answered""#, #""asked, answered, yes""#])
        }
    }

    @Test func whatAForgottenStepDidIsNotPassedOver() throws {
        let declaration = try SagaDeclaration(Deliver<RenamedEdition>(script: Script()))
        let state = RunState(
            direction: .compensating, recoveryPoint: "gone", attempts: 1,
            done: [FinishedStep(step: 0), FinishedStep(step: nil)])
        let machine = RunMachine(declaration: declaration, state: state)
        #expect(machine.resume(sincePoint: .zero) == .park(.unreadableState))
    }

    @Test func oneForgottenStepsUndoIsNotAnothersToo() throws {
        let journal = #"[{"step":"a","output":1},{"step":"b","output":1},{"step":"b:undone","output":null}]"#
        let plan = try SagaDeclaration(Approve<RenamedEdition>()).plan
        #expect(try !Journal(json: journal, plan: plan).done.isEmpty)
    }

    private static func withOrchestrators(
        _ body: @escaping @Sendable (PostgresClient, Orchestrator, Orchestrator) async throws -> Void
    ) async throws {
        try await TestDatabase.with { database in
            var logger = Logger(label: "test")
            logger.logLevel = .critical
            let first = try SagaRegistry([Approve<FirstEdition>(), Answer()])
            let renamed = try SagaRegistry([Approve<RenamedEdition>(), Answer()])
            try await body(
                database.client, Orchestrator(postgres: database.client, sagas: first, logger: logger),
                Orchestrator(postgres: database.client, sagas: renamed, logger: logger))
        }
    }

    private static func ask(_ orchestrator: Orchestrator) async throws {
        let outcome = try await orchestrator.run(
            Approve<FirstEdition>.self, key: IdempotencyKey("k1"), scope: Scope("tenant:1"), request: "asked")
        #expect(outcome.progress?.recoveryPoint == "asked:waiting")
    }

    private static func points(_ client: PostgresClient) async throws -> [String] {
        try await client.query("SELECT recovery_point FROM waymark.keys ORDER BY 1").decode(String.self)
    }

    private static func lapse(_ client: PostgresClient) async throws {
        try await client.execute("UPDATE waymark.keys SET lease_until = now(), run_at = now() WHERE NOT done")
    }
}

private struct Answer: Saga {
    static let name = "answer"

    var body: some Step<String, String> {
        AtomicPhase("answered") { (question: String, _: Transaction) in "\(question), answered" }
    }
}

private struct Approve<Edition: DeliveryEdition>: Saga {
    static var name: String { "approval" }
    static var version: Int { Edition.version }

    var body: some Step<String, String> {
        Child("asked\(Edition.suffix)", Answer.self, request: { (question: String) in question }) { _, answer in answer
        }
        .was("asked", Edition.self)
        WaitFor("approved\(Edition.suffix)", event: String.self, timeout: .hours(1)) { (asked: String, event) in
            "\(asked), \(event ?? "no")"
        }
        .was("approved", Edition.self)
    }
}
