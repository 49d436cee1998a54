import Synchronization
import WaymarkEngine

/// Work under way in a process that something is done to.
final class StartedWork<Value: Sendable>: Sendable {
    /// How long a disturbed process may take to notice: longer than any pause of the engine's that no clock shortens.
    private static var patience: Duration { .seconds(30) }

    /// How many of its boundaries are told of a process that hangs.
    private static var shown: Int { 12 }

    private let process: ProcessGate
    private let outcome = Mutex<Result<Value, any Error>?>(nil)
    private let task = Mutex<Task<Void, Never>?>(nil)

    init(in process: ProcessGate, _ body: @escaping @Sendable () async throws -> Value) {
        self.process = process
        let task = Task {
            do {
                let value = try await body()
                outcome.withLock { $0 = .success(value) }
            } catch {
                outcome.withLock { $0 = .failure(error) }
            }
            process.finish()
        }
        self.task.withLock { $0 = task }
    }

    /// Returns when the process stands still, or has done its work.
    /// - Throws: `ConditionNotMet` when it hangs.
    func waitUntilStill() async throws {
        let bound = Task { [process] in
            try await Task.sleep(for: Self.patience)
            process.finish()
        }
        defer { bound.cancel() }
        await process.waitUntilStill()
        if process.isStill || outcome.withLock({ $0 != nil }) { return }
        let trail = process.trail.suffix(Self.shown).map { "\n      \($0)" }.joined()
        throw ConditionNotMet(description: "the process hangs; it came to, last:\(trail)")
    }

    /// What the work came to; nil where the process gave up, which it may.
    /// - Throws: `ConditionNotMet` when it hangs, `CrashMatrixError` when it came to no end.
    func value() async throws -> Value? {
        let outcome = try await eventually("the process ends", within: Self.patience) {
            self.outcome.withLock(\.self)
        }
        switch outcome {
        case .success(let value): return value
        case .failure(let error as CrashMatrixError): throw error
        case .failure: return nil
        }
    }

    /// Ends the process, and waits until its work has ended too.
    /// - Parameter orchestrator: the process's.
    /// - Throws: `ConditionNotMet` when it does not.
    func end(_ orchestrator: Orchestrator) async throws {
        process.end()
        orchestrator.abandon()
        task.withLock { $0?.cancel() }
        _ = try await eventually("the dead process's work ends", within: Self.patience) {
            outcome.withLock { $0 != nil }
        }
    }
}
