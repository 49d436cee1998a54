import Foundation
import PostgresPQ
import Testing
import WaymarkTesting

@testable import Waymark
@testable import WaymarkEngine

/// A process claims a key that it is busy with itself: a client repeats the request at that moment, or it was given back and
/// is due again before its last holder is gone.
@Suite struct HeldClaimTests {
    struct Note: Saga {
        static let name = "note"
        var body: some Step<Int, Int> {
            AtomicPhase("noted") { (n: Int, _: Transaction) in n }
        }
    }

    @Test func isGivenBackAtOnce() async throws {
        try await World.with({ _ in [Note()] }) { world async throws in
            let client = world.database.client
            let key = try IdempotencyKey("k1")
            let orchestrator = try world.orchestrator()
            let request = try AcceptedRequest(
                saga: Note.name, version: 1, request: StepValue(value: 1, json: "1"), key: key, scope: world.scope)
            try await client.execute(orchestrator.engine.statements.start(request))

            let repeated = Hold(id: request.context.id, saga: Note.name, fingerprint: request.fingerprint)
            guard case .entered = orchestrator.engine.held.enter(repeated) else {
                Issue.record("nobody else holds it")
                return
            }
            #expect(try await Completionist(orchestrator).runOnce().lost == 1)
            let rows = try await client.query(
                "SELECT attempts, deaths, lease_until <= now() AND run_at <= now() FROM waymark.keys"
            ).decode((Int, Int, Bool).self)
            #expect(rows.first.map { $0 == (0, 0, true) } == true, "\(rows)")

            orchestrator.engine.held.leave(repeated)
            #expect(try await Completionist(orchestrator).runOnce().finished == 1)
        }
    }
}
