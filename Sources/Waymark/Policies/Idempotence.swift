/// How a foreign system treats a call that is made twice, which decides what recovery may do.
public enum Idempotence: Sendable, Hashable {
    /// Making the call again changes nothing: recovery simply calls again.
    case natural

    /// The foreign system remembers `Call.idempotencyKey` for `horizon`. Recovery calls again with the same key within
    /// the horizon, measured from the commit of the previous recovery point; after it a repeat could be a new effect,
    /// so the request is parked.
    case keyed(horizon: Duration)
}

extension Idempotence: CustomStringConvertible {
    public var description: String {
        switch self {
        case .natural: "natural"
        case .keyed(let horizon): "keyed for \(horizon.formattedForPeople)"
        }
    }
}

extension Duration {
    /// A duration of whole or fractional minutes.
    public static func minutes(_ minutes: Double) -> Duration { .seconds(minutes * 60) }

    /// A duration of whole or fractional hours.
    public static func hours(_ hours: Double) -> Duration { .seconds(hours * 3600) }

    /// Seconds as a floating-point number, for arithmetic and for SQL intervals.
    package var inSeconds: Double {
        Double(components.seconds) + Double(components.attoseconds) / 1e18
    }

    package var formattedForPeople: String {
        let (seconds, attoseconds) = components
        if attoseconds != 0 { return "\(Int((inSeconds * 1000).rounded())) ms" }
        if seconds >= 3600, seconds.isMultiple(of: 3600) { return "\(seconds / 3600) h" }
        if seconds >= 60, seconds.isMultiple(of: 60) { return "\(seconds / 60) min" }
        return "\(seconds) s"
    }
}
