import Synchronization
import Testing
import Waymark

@testable import WaymarkTesting

/// Time is made to pass while a process stands still, so nothing that it began may still need some.
@Suite struct StandstillTests {
    @Test func aProcessDoesNotStandStillWhileACallIsUnderWay() async throws {
        let process = ProcessGate(plan: .init(.crash, at: 2))
        process.begin()
        let (answers, answer) = AsyncStream<Void>.makeStream()
        let call = Task {
            try await process.around("call") { for await _ in answers {} }
        }
        try await eventually("the call is under way") { process.trail.count == 1 }
        let statement = Task { try await process.arrive(.statement, "COMMIT") }
        try await eventually("the process is struck") { process.struck != nil }
        #expect(!process.isStill)
        answer.finish()
        await process.waitUntilStill()
        #expect(process.isStill)
        process.end()
        await #expect(throws: CancellationError.self) { try await call.value }
        await #expect(throws: CancellationError.self) { try await statement.value }
    }

    @Test func aCallThatIsStoppedItselfIsNotWaitedFor() async throws {
        let process = ProcessGate(plan: .init(.zombie, at: 2))
        process.begin()
        let call = Task {
            try await process.around("call") {
                try await process.around("payments charge") {}
            }
        }
        try await eventually("the process stands still") { process.isStill }
        #expect(process.struck?.text == "payments charge")
        process.thaw()
        try await call.value
        #expect(process.trail.count == 4)
    }

    /// Elements of a ForEach come to their calls at any time, also right after another one was struck.
    @Test func aProcessThatStandsStillStaysSoWhereFurtherCallsBegin() async throws {
        for fault in [CrashFault.crash, .zombie] {
            let process = ProcessGate(plan: .init(fault, at: 1))
            process.begin()
            let statement = Task { try await process.arrive(.statement, "COMMIT") }
            await process.waitUntilStill()
            let begun = Count()
            let calls = (0..<5_000).map { _ in
                Task {
                    begun.add()
                    try await process.around("call") {}
                }
            }
            var isStill = true
            while isStill, begun.value < calls.count { isStill = process.isStill }
            #expect(isStill && process.isStill)
            #expect(process.trail.count == 1)
            process.thaw()
            if fault == .crash { process.end() }
            for call in calls {
                let isDone = (try? await call.value) != nil
                #expect(isDone == (fault == .zombie))
            }
            _ = await statement.result
            process.end()
        }
    }

    /// Two payments, of a bank that takes one in a hundred seconds, and that is left alone for minutes after a failure.
    @Test func theLimitsOfAForeignServiceTakeNoTime() async throws {
        var matrix = CrashMatrix(Transfer(bank: RecordingService("bank")))
        matrix.faults = [.answerLost]
        let report = try await matrix.run(Transfer.Order(amount: 5))
        #expect(report.cells.count { $0.isStruck } == 6)
    }
}

/// How many tasks have begun.
private final class Count: Sendable {
    private let count = Atomic(0)

    var value: Int { count.load(ordering: .relaxed) }

    func add() { count.add(1, ordering: .relaxed) }
}

/// Takes from one account and gives to another.
private struct Transfer: Saga {
    struct Order: Codable, Sendable {
        let amount: Int
    }

    static let name = "transfer"
    private static let service = ForeignService(
        "bank", perSecond: 0.01, breaker: .init(failures: 1, pause: .minutes(2)))

    let bank: RecordingService

    var body: some Step<Order, Order> {
        ForeignCall("taken", .keyed(horizon: .hours(24)), take).through(Self.service)
        ForeignCall("given", .keyed(horizon: .hours(24)), give).through(Self.service)
    }

    func take(_ order: Order, _ call: Call) async throws -> Order {
        try await bank.perform("take", key: call.idempotencyKey, "\(order.amount)")
        return order
    }

    func give(_ order: Order, _ call: Call) async throws -> Order {
        try await bank.perform("give", key: call.idempotencyKey, "\(order.amount)")
        return order
    }
}
