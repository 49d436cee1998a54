import SandboxLedger
import Testing
import Waymark
import WaymarkTesting

@testable import Fulfilment

/// The order, with label and pickup side by side and a parcel for each item, and the faults that processes have.
@Suite struct CrashMatrixTests {
    @Test(arguments: [["lamp", "book"], ["lamp", "forbidden fireworks"]])
    func anOrderIsShippedOrUndoneOnce(items: [String]) async throws {
        try await World.with { world in
            let ledger = SandboxLedger(base: world.base)
            var matrix = CrashMatrix(try world.saga(), script: try world.schema)
                .recording(reset: ledger.mark, record: ledger.lines)
            matrix.faults = [.crash, .zombie, .answerLost]
            let report = try await matrix.run(
                Order(
                    email: "ann@example.com", address: "1 Road",
                    parcels: items.map { Order.Line(item: $0, quantity: 1) }))
            print(report.summary)
            #expect(report.cells.count { $0.isStruck } > 190)
        }
    }
}
