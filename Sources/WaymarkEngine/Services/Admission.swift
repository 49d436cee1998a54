/// What a ``ServiceGate`` says to somebody who wants to call its service.
enum Admission: Sendable {
    /// Make the call, then ``Pass/leave(_:)``.
    case admitted(Pass)
    /// Make no call; come back after `retryAfter`, jitter included.
    case refused(retryAfter: Duration, reason: Reason)
    /// The task was cancelled while it waited.
    case cancelled

    enum Reason: Sendable {
        /// There is no slot or no token within the timeout.
        case saturated
        /// The service only failed of late.
        case breakerOpen
    }

    /// A slot of the service, held until it is left.
    struct Pass: Sendable {
        let gate: ServiceGate
        let id: Int

        /// Gives the slot back, and tells the breaker how the call ended. Leaving again does nothing.
        func leave(_ outcome: ServiceOutcome) {
            gate.leave(id, outcome)
        }
    }
}
