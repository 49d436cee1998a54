import Waymark

/// A step took longer than its timeout.
struct StepTimeout: Error {}

/// Runs `body` in a task of its own, and cancels it when `timeout` is over, or with the caller's.
/// - Throws: `StepTimeout` when the time was over before `body` had ended, whatever it came to; otherwise what `body`
///   throws.
func withTimeout<Value: Sendable>(
    _ timeout: Duration, _ body: @escaping @Sendable () async throws -> Value
) async throws -> Value {
    let task = Task(operation: body)
    let deadline = Deadlines.shared.add(after: timeout) { task.cancel() }
    let result = await task.joined()
    guard Deadlines.shared.remove(deadline) else { throw StepTimeout() }
    return try result.get()
}

extension Task {
    /// What it comes to; cancelled with the caller's task, as a child is.
    func joined() async -> Result<Success, Failure> {
        await withTaskCancellationHandler {
            await result
        } onCancel: {
            cancel()
        }
    }
}
