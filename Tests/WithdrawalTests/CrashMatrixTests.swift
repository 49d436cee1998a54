import SandboxLedger
import Testing
import Waymark
import WaymarkTesting

@testable import Withdrawal

/// The withdrawal from a bank without keys, with the faults that processes and networks have.
@Suite struct CrashMatrixTests {
    @Test func aWithdrawalIsPaidOnce() async throws {
        try await World.with { world in
            let ledger = SandboxLedger(base: world.base)
            var matrix = CrashMatrix(
                WithdrawFunds(bank: world.bank()),
                script: String(decoding: PackageResources.schema_sql, as: UTF8.self)
            ).recording(reset: ledger.mark, record: ledger.lines)
            matrix.faults = [.crash, .zombie, .overtaken, .connectionLost, .answerLost]
            let customer = Customer(email: World.owner, scope: try Scope("customer:1"))
            let report = try await matrix.run(
                WithdrawalRequest(WithdrawalFields(account: "acc_1", amount: 100), for: customer))
            print(report.summary)
            #expect(report.untouched.isEmpty)
            #expect(report.cells.contains { $0.fault == .answerLost && $0.isStruck })
        }
    }
}
