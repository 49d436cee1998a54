/// What an engine knows of time by itself: how long ago something was, and how to let some go by. What is stored goes by
/// the database's clock.
///
/// Tests pass one that can be moved on, so that a process that was frozen for an hour need not be waited for.
package struct EngineClock: Sendable {
    package let now: @Sendable () -> ContinuousClock.Instant
    /// - Throws: `CancellationError`.
    package let sleep: @Sendable (Duration) async throws -> Void

    package init(
        now: @escaping @Sendable () -> ContinuousClock.Instant,
        sleep: @escaping @Sendable (Duration) async throws -> Void
    ) {
        self.now = now
        self.sleep = sleep
    }

    package static let system = EngineClock(now: { .now }, sleep: { try await Task.sleep(for: $0) })
}
