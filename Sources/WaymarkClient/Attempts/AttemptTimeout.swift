/// An attempt took too long.
struct AttemptTimeout: Error {}

/// Runs `body` for at most `duration`, then cancels it.
/// - Throws: `AttemptTimeout`, or what `body` throws.
func withTimeout<Value: Sendable>(
    _ duration: Duration, _ body: @escaping @Sendable () async throws -> Value
) async throws -> Value {
    try await withThrowingTaskGroup(of: Value.self) { group in
        defer { group.cancelAll() }
        group.addTask(operation: body)
        group.addTask {
            try await Task.sleep(for: duration)
            throw AttemptTimeout()
        }
        guard let first = try await group.next() else { throw AttemptTimeout() }
        return first
    }
}
