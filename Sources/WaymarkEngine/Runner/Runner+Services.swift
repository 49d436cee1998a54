import PostgresPQ
import Waymark

/// Calls to foreign services pass their gates.
extension Runner {
    /// What came of a call that keeps to its service's limits.
    enum Limited<Value: Sendable>: Sendable {
        case value(Value)
        /// It was not made; the limits allow it after this time.
        case refused(Duration)
    }

    /// Makes a call of `work`'s, its compensation's or the question after it, as soon as the service's gate lets it pass.
    func limited<Value: Sendable>(
        _ work: Work, timeout: Duration, _ body: @escaping @Sendable () async throws -> Value
    ) async throws -> Limited<Value> {
        beginCall(work, timeout)
        let admitted: Admission.Pass?
        switch try await admission(to: work) {
        case .value(let pass): admitted = self.pass ?? pass
        case .refused(let delay): return .refused(delay)
        }
        do {
            let value = try await withTimeout(timeout, body)
            admitted?.leave(.success)
            return .value(value)
        } catch {
            admitted?.leave(outcome(of: error))
            throw error
        }
    }

    /// The call may wait for its place first.
    @inline(never)
    private func beginCall(_ work: Work, _ timeout: Duration) {
        let wait = plan[work.step].service == nil ? .zero : RunMachine.longestWaitHolding
        hold.beginStep(timeout: timeout + wait, line: line.name)
    }

    /// A place at the service's gate; nil where its step names none, or the line has a place already.
    /// - Throws: `CancellationError`.
    @inline(never)
    func admission(to work: Work) async throws -> Limited<Admission.Pass?> {
        guard let service = plan[work.step].service, pass == nil else { return .value(nil) }
        switch await engine.registry.gates[service].enter(timeout: RunMachine.longestWaitHolding) {
        case .admitted(let pass): return .value(pass)
        case .refused(let delay, _): return .refused(delay)
        case .cancelled: throw CancellationError()
        }
    }

    @inline(never)
    private func outcome(of error: any Error) -> ServiceOutcome {
        switch error {
        case is Rejection, is UnstorableOutput: .success
        case _ where Task.isCancelled: .neither
        default: .failure
        }
    }
}
