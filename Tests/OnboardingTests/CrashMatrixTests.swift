import SandboxLedger
import Testing
import Waymark
import WaymarkEngine
import WaymarkTesting

@testable import Onboarding

/// The opening of an account, which sleeps, has a child, waits for an event and chooses, with the faults that processes have.
@Suite struct CrashMatrixTests {
    @Test(arguments: ["approved", "declined"]) func anApplicationIsDecidedOnce(decision: String) async throws {
        try await World.with { world in
            let ledger = SandboxLedger(base: world.base)
            let (saga, others) = try world.sagas()
            var matrix = CrashMatrix(saga, with: others, script: try world.schema)
                .recording(reset: ledger.mark, record: ledger.lines)
                .outside { scene in
                    _ = try await scene.orchestrator.signal(
                        OpenAccount.self, "reviewed", key: scene.key, scope: scene.scope,
                        payload: ["decision": decision, "by": "Bob"])
                }
            matrix.faults = [.crash, .zombie, .answerLost]
            let report = try await matrix.run(
                AccountApplication(
                    name: "Ann", email: "ann@example.com", address: "1 Road", account: "acc_1", gift: true))
            print(report.summary)
            #expect(report.cells.count { $0.isStruck } > 190)
        }
    }
}
