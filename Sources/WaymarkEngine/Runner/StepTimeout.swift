import Waymark

/// A step took longer than its timeout.
struct StepTimeout: Error {}

/// Runs `body`, and cancels it when `timeout` is over.
/// - Throws: `StepTimeout` then; otherwise what `body` throws.
func withTimeout<Value: Sendable>(
    _ timeout: Duration, _ body: @escaping @Sendable () async throws -> Value
) async throws -> Value {
    try await withThrowingTaskGroup(of: Value.self) { group in
        defer { group.cancelAll() }
        group.addTask(operation: body)
        group.addTask {
            try await Task.sleep(for: timeout)
            throw StepTimeout()
        }
        guard let value = try await group.next() else { throw CancellationError() }
        return value
    }
}
