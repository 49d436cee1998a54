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
        let service = plan[work.step].service
        let wait = service == nil ? .zero : RunMachine.longestWaitHolding
        hold.beginStep(timeout: timeout + wait, line: line.name)
        let pass: Admission.Pass?
        switch try await admission(to: service) {
        case .value(let admitted): pass = self.pass ?? admitted
        case .refused(let delay): return .refused(delay)
        }
        // Leaving again does nothing: this is for a call that was cancelled.
        defer { pass?.leave(.neither) }
        do {
            let value = try await withTimeout(timeout, body)
            pass?.leave(.success)
            return .value(value)
        } catch {
            pass?.leave(outcome(of: error))
            throw error
        }
    }

    /// A place at the service's gate; nil where there is no service, or the line has a place already.
    /// - Throws: `CancellationError`.
    func admission(to service: ForeignService?) async throws -> Limited<Admission.Pass?> {
        guard let service, pass == nil else { return .value(nil) }
        switch await engine.registry.gates[service].enter(timeout: RunMachine.longestWaitHolding) {
        case .admitted(let pass): return .value(pass)
        case .refused(let delay, _): return .refused(delay)
        case .cancelled: throw CancellationError()
        }
    }

    private func outcome(of error: any Error) -> ServiceOutcome {
        switch error {
        case is Rejection, is UnstorableOutput: .success
        case _ where Task.isCancelled: .neither
        default: .failure
        }
    }
}
