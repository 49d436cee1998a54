import Synchronization
import Testing
import WaymarkTesting

@testable import WaymarkEngine

/// What runs under a timeout, and the timer that all timeouts share.
@Suite struct TimeoutTests {
    struct Failed: Error {}

    private let long = Duration.seconds(3600)

    @Test func whatEndsInTimeIsReturnedOrThrown() async throws {
        #expect(try await withTimeout(long) { 1 } == 1)
        await #expect(throws: Failed.self) { try await withTimeout(long) { throw Failed() } }
    }

    @Test func whatTakesTooLongIsCancelled() async throws {
        let long = long
        await #expect(throws: StepTimeout.self) {
            try await withTimeout(.milliseconds(20)) { try await Task.sleep(for: long) }
        }
    }

    @Test func whatIgnoresItsCancellationIsWaitedForAndCountsAsTooLate() async throws {
        let (ends, end) = AsyncStream<Void>.makeStream()
        await #expect(throws: StepTimeout.self) {
            try await withTimeout(.milliseconds(20)) {
                while !Task.isCancelled { await Task.yield() }
                end.yield()
            }
        }
        end.finish()
        #expect(await ends.reduce(0) { count, _ in count + 1 } == 1)
    }

    @Test func isCancelledWithItsCaller() async throws {
        let long = long
        let caller = Task { try await withTimeout(long) { try await Task.sleep(for: long) } }
        caller.cancel()
        await #expect(throws: CancellationError.self) { try await caller.value }
    }

    @Test func anEarlierDeadlineRingsThoughItWasSetLater() async throws {
        let deadlines = Deadlines()
        let rung = Mutex<[String]>([])
        let late = deadlines.add(after: long) { rung.withLock { $0.append("late") } }
        let early = deadlines.add(after: .milliseconds(20)) { rung.withLock { $0.append("early") } }
        try await eventually("the earlier one has rung") { rung.withLock { !$0.isEmpty } }
        #expect(rung.withLock { $0 } == ["early"])
        #expect(!deadlines.remove(early))
        #expect(deadlines.remove(late))
    }

    @Test func whatIsRemovedInTimeDoesNotRingAndOthersDo() async throws {
        let deadlines = Deadlines()
        let rung = Mutex<[String]>([])
        let removed = deadlines.add(after: .milliseconds(20)) { rung.withLock { $0.append("removed") } }
        let isRemoved = deadlines.remove(removed)
        _ = deadlines.add(after: .milliseconds(40)) { rung.withLock { $0.append("kept") } }
        try await eventually("the other has rung") { rung.withLock { $0.contains("kept") } }
        // This process may have been stopped for so long in between.
        #expect(rung.withLock { $0 } == (isRemoved ? ["kept"] : ["removed", "kept"]))
    }
}
