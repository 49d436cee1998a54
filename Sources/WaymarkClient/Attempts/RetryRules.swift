/// How long and how often a request is tried. Every default is spelled out.
public struct RetryRules: Sendable {
    /// How long to keep asking, over all attempts. A server that restarts, a database that recovers and a lease that has
    /// to lapse take seconds; two minutes are patience enough for a program that somebody waits for.
    public var deadline: Duration = .seconds(120)

    /// How long one attempt may take, answer included. Longer than the steps of most sagas; when it passes, the work goes
    /// on at the server, and the next attempt hears of it.
    public var attemptTimeout: Duration = .seconds(30)

    /// The ceiling of the first pause. It doubles with each further one.
    public var base: Duration = .milliseconds(100)

    /// The highest ceiling of a pause.
    public var cap: Duration = .seconds(5)

    /// How long a server that could not be reached is asked only after the others.
    public var rest: Duration = .seconds(1)

    /// Bytes of an answer: more than Waymark stores for a step (256 KiB), for servers of other kinds.
    public var answerLimit = 1024 * 1024

    public init() {}

    /// The pause before the next attempt: what the server asked for and a little, so that many clients do not come back
    /// in step; else full jitter.
    /// - Parameter pauses: how many pauses there were before.
    func pause(
        after pauses: Int, retryAfter: Duration?, using generator: inout some RandomNumberGenerator
    ) -> Duration {
        if let retryAfter { return retryAfter + base * Double.random(in: 0...1, using: &generator) }
        let ceiling = min(base * (1 << min(pauses, 20)), cap)
        return ceiling * Double.random(in: 0...1, using: &generator)
    }
}
