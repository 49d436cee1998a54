/// What recovery may do with a foreign call of which no result is known: declared with each `ForeignCall`.
///
/// ```swift
/// ForeignCall("charged", .keyed(horizon: .hours(24)), charge)
/// ForeignCall("withdrawn", .atMostOnce(reconcile: findWithdrawal), withdraw)
/// ```
public struct CallRule<Input: Sendable, Output: Sendable>: Sendable {
    /// Asks the foreign system whether a call made with this input happened. A question: it changes nothing there, and may
    /// be asked any number of times. What it throws is transient and follows the step's retry policy, except a `Rejection`:
    /// that says the call was definitively refused.
    public typealias Reconcile = @Sendable (Input, Call) async throws -> Reconciliation<Output>

    enum Repetition: Sendable {
        case natural
        case keyed(horizon: Duration, replaysAnswers: Bool)
        case atMostOnce(settling: Duration?)
    }

    let repetition: Repetition
    let reconcile: Reconcile?

    /// Making the call again changes nothing.
    public static var natural: Self { Self(repetition: .natural, reconcile: nil) }

    /// The foreign system remembers `Call.idempotencyKey` for `horizon`.
    /// - Parameters:
    ///   - replaysAnswers: whether a repeat is answered as the first call was, refusals included. Then a `Rejection` says
    ///     that no earlier attempt happened either. Otherwise it may refuse the repetition alone ("exists already"): after an
    ///     attempt of unknown outcome, `reconcile` is asked before the request is rejected; without it the request is parked.
    ///   - reconcile: how to ask whether the call happened, once the horizon has passed, and before the request is rejected
    ///     or degraded. Without it the request is parked past the horizon.
    public static func keyed(
        horizon: Duration, replaysAnswers: Bool = false, reconcile: Reconcile? = nil
    ) -> Self {
        Self(repetition: .keyed(horizon: horizon, replaysAnswers: replaysAnswers), reconcile: reconcile)
    }

    /// A second call is a second effect, and nobody can be asked whether the first one happened: a call of which no result
    /// is known parks the request.
    public static var atMostOnce: Self { Self(repetition: .atMostOnce(settling: nil), reconcile: nil) }

    /// A second call is a second effect; whether the first one happened, `reconcile` finds out.
    /// - Parameter settling: how long after a call was begun the foreign system may still act on it: before that a
    ///   "did not happen" is not believed. Longer than the step's timeout, within which the call may be sent, by what the
    ///   foreign system takes to carry it out; the timeout and a minute unless given.
    public static func atMostOnce(settling: Duration? = nil, reconcile: @escaping Reconcile) -> Self {
        Self(repetition: .atMostOnce(settling: settling), reconcile: reconcile)
    }

    func idempotence(timeout: Duration) -> Idempotence {
        switch repetition {
        case .natural: .natural
        case .keyed(let horizon, let replays): .keyed(horizon: horizon, replaysAnswers: replays)
        case .atMostOnce(let settling): .atMostOnce(settling: settling ?? timeout + .minutes(1))
        }
    }

    /// The same rule for another call to the same system, whose effect nobody declared how to look up.
    func withoutReconcile<I, O>(_: I.Type, _: O.Type) -> CallRule<I, O> {
        let repetition: CallRule<I, O>.Repetition =
            switch self.repetition {
            case .natural: .natural
            case .keyed(let horizon, let replays): .keyed(horizon: horizon, replaysAnswers: replays)
            case .atMostOnce(let settling): .atMostOnce(settling: settling)
            }
        return CallRule<I, O>(repetition: repetition, reconcile: nil)
    }
}

/// What a foreign system says of a call whose answer was lost.
public enum Reconciliation<Output: Sendable>: Sendable {
    /// It happened, and this is what it would have returned.
    case happened(Output)
    /// It did not happen, and will not: it may be made.
    case didNotHappen
    /// The foreign system cannot tell: a person must. With what an operator needs to find out, such as the reference to ask
    /// for; it is stored with the key, so no secrets and no personal data.
    case unknown(String)

    package func map<Other>(_ transform: (Output) throws -> Other) rethrows -> Reconciliation<Other> {
        switch self {
        case .happened(let output): .happened(try transform(output))
        case .didNotHappen: .didNotHappen
        case .unknown(let advice): .unknown(advice)
        }
    }
}
