import Testing
import WaymarkTesting

@testable import RocketRides

@Suite struct RefundTests {
    /// An undo that is repeated past the service's memory of its key finds the money given back: that is what it wanted.
    @Test func aChargeThatWasGivenBackAlreadyIsGivenBack() async throws {
        let arguments = ["--ledger", "{folder}/ledger"] + TestProcess.anyPort
        _ = try await TestProcess.with("sandbox", arguments, database: "") { sandbox in
            let gateway = StripeGateway(base: "http://127.0.0.1:\(try await sandbox.port())", secretKey: "sk_test")
            let charge = try await gateway.charge(
                amount: 20_00, currency: "usd", customer: "cus_1", description: "Ride", idempotencyKey: "c1")
            try await gateway.refund(charge: charge, idempotencyKey: "r1")
            try await gateway.refund(charge: charge, idempotencyKey: "r2")
            await #expect(throws: (any Error).self) {
                try await gateway.refund(charge: "ch_of_nobody", idempotencyKey: "r3")
            }
        }
    }
}
