/// How a foreign system treats a call that is made twice, which decides what recovery may do. As data; `CallRule` is how
/// a saga declares it.
public enum Idempotence: Sendable, Hashable {
    /// Making the call again changes nothing: recovery simply calls again.
    case natural

    /// The foreign system remembers `Call.idempotencyKey` for `horizon`. Recovery calls again with the same key within
    /// the horizon, measured from the commit of the previous recovery point. After it a repeat could be a new effect: the
    /// foreign system is asked, or, where nobody declared how, the request is parked.
    ///
    /// A rejection counts for the attempts before it only where the foreign system replays answers: otherwise it may be a
    /// refusal of the repetition alone.
    case keyed(horizon: Duration, replaysAnswers: Bool = false)

    /// A second call is a second effect. Recovery never repeats it blindly: the foreign system is asked first, and its
    /// "did not happen" counts only once the call was begun `settling` ago.
    case atMostOnce(settling: Duration)
}

extension Idempotence: CustomStringConvertible {
    public var description: String {
        switch self {
        case .natural: "natural"
        case .keyed(let horizon, _): "keyed for \(horizon.formattedForPeople)"
        case .atMostOnce: "at most once"
        }
    }
}

extension Duration {
    /// A duration of whole or fractional minutes.
    public static func minutes(_ minutes: Double) -> Duration { .seconds(minutes * 60) }

    /// A duration of whole or fractional hours.
    public static func hours(_ hours: Double) -> Duration { .seconds(hours * 3600) }

    /// A duration of whole or fractional days of 24 hours.
    public static func days(_ days: Double) -> Duration { .seconds(days * 86_400) }

    /// Seconds as a floating-point number, for arithmetic and for SQL intervals.
    package var inSeconds: Double {
        Double(components.seconds) + Double(components.attoseconds) / 1e18
    }

    /// A duration of this many seconds, or the nearest that any date of PostgreSQL's is away from another: what a row says may
    /// be infinite, and `seconds(_:)` takes nothing that is.
    package static func seconds(clamping seconds: Double) -> Duration {
        seconds.isNaN ? .zero : .seconds(min(max(seconds, -1e13), 1e13))
    }

    package var formattedForPeople: String {
        let (seconds, attoseconds) = components
        if attoseconds != 0 { return "\(Int((inSeconds * 1000).rounded())) ms" }
        // One day stays 24 h: as people say it.
        if seconds > 86_400, seconds.isMultiple(of: 86_400) { return "\(seconds / 86_400) d" }
        if seconds >= 3600, seconds.isMultiple(of: 3600) { return "\(seconds / 3600) h" }
        if seconds >= 60, seconds.isMultiple(of: 60) { return "\(seconds / 60) min" }
        return "\(seconds) s"
    }
}
