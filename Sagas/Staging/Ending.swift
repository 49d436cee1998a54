package import UnixSignals

/// How a run ended.
package enum Ending<Value: Sendable>: Sendable {
    case completed(Value)
    /// The user had enough of it.
    case interrupted(UnixSignal)

    /// Runs `body` until it is through, or cancels it at SIGINT, SIGTERM or SIGHUP.
    package static func untilSignal(_ body: @escaping @Sendable () async throws -> Value) async throws -> Ending {
        let signals = await UnixSignalsSequence(trapping: .sigint, .sigterm, .sighup)
        return try await withThrowingTaskGroup(of: Ending?.self) { group in
            defer { group.cancelAll() }
            group.addTask { .completed(try await body()) }
            group.addTask {
                for await signal in signals { return .interrupted(signal) }
                return nil
            }
            while let ending = try await group.next() {
                if let ending { return ending }
            }
            throw CancellationError()
        }
    }

    /// What shells give for a process that a signal ended.
    package static func exitCode(of signal: UnixSignal) -> Int32 { 128 + signal.rawValue }
}
