/// How a call ended, as far as it tells about the service.
enum ServiceOutcome: Sendable, CaseIterable {
    /// The service answered. A `Rejection` is an answer too: a service that refuses a card works.
    case success
    /// Any other error, also a timeout.
    case failure
    /// Nothing was heard, and not by the service's fault: the call was cancelled, or never made. The breaker stays as
    /// it is; where the call was its probe, the next probe goes through a pause after this one did.
    case neither
}
