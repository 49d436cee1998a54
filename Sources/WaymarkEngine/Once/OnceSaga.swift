import Synchronization
import Waymark

/// One closure as the only step of a saga that is made for one call, and is in no registry.
struct OnceSaga<Result: Codable & Sendable>: Saga {
    /// Not the stored name, which the caller gives.
    static var name: String { "once" }

    let timeout: Duration
    let lease: Duration
    let work: @Sendable (Call) async throws -> Result
    let failure = OnceFailure()

    var body: some Step<OnceRequest, Result> {
        ForeignCall("done", .natural, perform)
            // Only a holder that died makes a further attempt: a failed one is given back to the callers.
            .retry(.fixed(attempts: Int(Int32.max), every: .zero))
            // The closure's own end comes first, unless it is deaf to its cancellation; then the lease is left to lapse.
            .timeout(timeout > .zero ? timeout + lease : timeout)
            // The closure gets nothing of the request, so what it returns does not hold it.
            .outputBytes(atMost: 1)
    }

    private func perform(_ request: OnceRequest, _ call: Call) async throws -> Result {
        let call = Call(
            idempotencyKey: call.idempotencyKey, attempt: call.attempt, timeout: timeout, key: call.key)
        failure.error = nil
        do {
            return try await withTimeout(timeout) { [work] in try await work(call) }
        } catch let rejection as Rejection {
            throw rejection
        } catch {
            let error = error is StepTimeout ? TransientError("'\(call.key.saga)' took longer than \(timeout)") : error
            failure.error = error
            // Longer than a holder waits: so the key is given back, and not tried again here.
            throw TransientError(Runner.text(of: error), retryAfter: RunMachine.longestWaitHolding + .seconds(1))
        }
    }
}

/// What the closure threw the last time, for the caller who waits for it.
final class OnceFailure: Sendable {
    private let last = Mutex<(any Error)?>(nil)

    var error: (any Error)? {
        get { last.withLock { $0 } }
        set { last.withLock { $0 = newValue } }
    }
}

/// What a call depends on, stored for the comparison with a repeat's. It is not read back: each caller brings a closure.
struct OnceRequest: Codable, Sendable {
    private let value: (any Encodable & Sendable)?

    init(value: (any Encodable & Sendable)?) {
        self.value = value
    }

    init(from decoder: any Decoder) throws {
        value = nil
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        if let value { try container.encode(value) } else { try container.encodeNil() }
    }
}
