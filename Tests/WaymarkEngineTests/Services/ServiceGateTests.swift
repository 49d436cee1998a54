import Synchronization
import Testing
import Waymark
import WaymarkTesting

@testable import WaymarkEngine

@Suite struct ServiceGateTests {
    private struct NotAdmitted: Error {
        let admission: Admission
    }

    /// Who is inside, as those inside say.
    private final class Tally: Sendable {
        private let state = Mutex((order: [Int](), inside: 0, most: 0))

        var order: [Int] { state.withLock { $0.order } }
        var most: Int { state.withLock { $0.most } }

        func enter(_ number: Int) {
            state.withLock { state in
                state.order.append(number)
                state.inside += 1
                state.most = max(state.most, state.inside)
            }
        }

        func leave() {
            state.withLock { $0.inside -= 1 }
        }
    }

    /// For waits that only a bug makes long.
    private static let patience = Duration.seconds(60)

    private func pass(_ gate: ServiceGate) async throws -> Admission.Pass {
        let admission = await gate.enter(timeout: Self.patience)
        guard case .admitted(let pass) = admission else { throw NotAdmitted(admission: admission) }
        return pass
    }

    @Test func slotsGoRoundInOrderOfArrival() async throws {
        let gate = ServiceGate(ForeignService("s", maxConcurrent: 1))
        let first = try await pass(gate)
        let tally = Tally()
        try await withThrowingTaskGroup { group in
            for number in 1...5 {
                group.addTask {
                    let pass = try await pass(gate)
                    tally.enter(number)
                    pass.leave(.success)
                }
                try await eventually("caller \(number) waits") { gate.waitingCount == number }
            }
            #expect(gate.insideCount == 1)
            first.leave(.success)
            try await group.waitForAll()
        }
        #expect(tally.order == [1, 2, 3, 4, 5])
        first.leave(.success)
        #expect(gate.insideCount == 0)
    }

    @Test func noSlotWithinTheTimeout() async throws {
        let gate = ServiceGate(ForeignService("s", maxConcurrent: 1))
        let pass = try await pass(gate)
        guard case .refused(let retryAfter, .saturated) = await gate.enter(timeout: .milliseconds(20)) else {
            Issue.record("it was not refused")
            return
        }
        #expect((.seconds(1)...(.seconds(2))).contains(retryAfter))
        pass.leave(.success)
        try await self.pass(gate).leave(.success)
    }

    @Test func tokensAreWaitedFor() async throws {
        let gate = ServiceGate(ForeignService("s", perSecond: 50))
        let start = ContinuousClock.now
        try await withThrowingTaskGroup { group in
            for _ in 0..<60 {
                group.addTask { try await pass(gate).leave(.success) }
            }
            try await group.waitForAll()
        }
        #expect(start.duration(to: .now) >= .milliseconds(200), "50 at once, the other 10 at 20 ms each")
    }

    /// Nobody could wait for this in a test: that it ends shows that it is not waited for.
    @Test func whatIsKnownToTakeTooLongIsRefusedAtOnce() async throws {
        let gate = ServiceGate(ForeignService("s", perSecond: 1 / 7_200.0))
        try await pass(gate).leave(.success)
        guard case .refused(let retryAfter, .saturated) = await gate.enter(timeout: .hours(1)) else {
            Issue.record("it was not refused")
            return
        }
        #expect(retryAfter >= .minutes(5))
    }

    @Test func aCancelledWaiterLeavesTheQueue() async throws {
        let gate = ServiceGate(ForeignService("s", maxConcurrent: 1))
        let first = try await pass(gate)
        let waiter = Task { await gate.enter(timeout: Self.patience) }
        try await eventually("it waits") { gate.waitingCount == 1 }
        waiter.cancel()
        guard case .cancelled = await waiter.value else {
            Issue.record("it was not cancelled")
            return
        }
        #expect(gate.waitingCount == 0)
        first.leave(.success)
        try await pass(gate).leave(.success)
    }

    @Test func aCancelledTaskDoesNotEnter() async throws {
        let gate = ServiceGate(ForeignService("s", maxConcurrent: 1))
        let first = try await pass(gate)
        let isCancelled = await withTaskGroup(of: Admission.self) { group in
            group.cancelAll()
            group.addTask { await gate.enter(timeout: Self.patience) }
            guard case .cancelled = await group.next() else { return false }
            return true
        }
        #expect(isCancelled)
        first.leave(.success)
        #expect(gate.insideCount == 0)
    }

    /// Cancellations race with admissions; whoever wins, the slot must come back.
    @Test func noCancellationLeaksASlot() async throws {
        let gate = ServiceGate(ForeignService("s", maxConcurrent: 3))
        let tally = Tally()
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<500 {
                let caller = Task {
                    guard case .admitted(let pass) = await gate.enter(timeout: Self.patience) else { return }
                    tally.enter(number)
                    await Task.yield()
                    tally.leave()
                    pass.leave(.neither)
                }
                group.addTask { await caller.value }
                if number.isMultiple(of: 2) { group.addTask { caller.cancel() } }
            }
        }
        #expect(gate.insideCount == 0 && gate.waitingCount == 0)
        #expect((1...3).contains(tally.most))
        #expect(tally.order.count >= 250, "those that nobody cancelled")
    }

    @Test func anOpeningBreakerSendsTheQueueAway() async throws {
        let breaker = ForeignService.CircuitBreaker(failures: 1, pause: .hours(1), longestPause: .hours(1))
        let gate = ServiceGate(ForeignService("s", maxConcurrent: 1, breaker: breaker))
        let first = try await pass(gate)
        async let waiter = gate.enter(timeout: Self.patience)
        try await eventually("it waits") { gate.waitingCount == 1 }
        first.leave(.failure)
        for admission in [await waiter, await gate.enter(timeout: Self.patience)] {
            guard case .refused(let retryAfter, .breakerOpen) = admission else {
                Issue.record("it was not refused")
                continue
            }
            #expect((.minutes(50)...(.hours(2))).contains(retryAfter))
        }
    }

    @Test func aProbeClosesTheBreaker() async throws {
        let breaker = ForeignService.CircuitBreaker(failures: 1, pause: .milliseconds(50))
        let gate = ServiceGate(ForeignService("s", breaker: breaker))
        try await pass(gate).leave(.failure)
        let probe: Admission.Pass = try await eventually("a probe goes through") {
            guard case .admitted(let pass) = await gate.enter(timeout: Self.patience) else { return nil }
            return pass
        }
        probe.leave(.success)
        _ = try await pass(gate)
        _ = try await pass(gate)
        #expect(gate.insideCount == 2)
    }

    @Test func oneGatePerName() throws {
        let (stripe, mail) = (ForeignService("stripe", maxConcurrent: 2), ForeignService("mail"))
        let gates = try ServiceGates([stripe, mail, stripe])
        #expect(gates[stripe] === gates[ForeignService("stripe", maxConcurrent: 2)])
        #expect(gates[stripe] !== gates[mail])
        let error = #expect(throws: WaymarkError.self) { try ServiceGates([stripe, ForeignService("stripe")]) }
        #expect(error?.code == .duplicateName)
        #expect(error?.message == "two foreign services with different limits are named 'stripe'")
    }
}
