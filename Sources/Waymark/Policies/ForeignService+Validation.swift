extension ForeignService {
    /// Everything that is wrong with the declaration, one sentence a problem, each naming the service.
    package var problems: [String] {
        var problems: [String] = []
        if !isNameStorable {
            problems.append("its name is not 1 to \(Limits.nameLength) characters of a-z, 0-9, _ and -")
        }
        if let maxConcurrent, maxConcurrent < 1 {
            problems.append("its maxConcurrent is \(maxConcurrent); it must be positive")
        }
        if let perSecond, !Self.rates.contains(perSecond) {
            problems.append("its perSecond is \(perSecond); it must be positive, from one a day to 1,000,000")
        }
        if let breaker { problems += Self.problems(of: breaker) }
        return problems.map { "service '\(name)': \($0)" }
    }

    /// Calls per second: below are limits that want a calendar, above is nothing that a limit would hold back.
    private static let rates = 1 / 86_400.0...1_000_000
    /// A service that came back must not go unnoticed for longer.
    private static let longestPause = Duration.hours(1)

    private static func problems(of breaker: CircuitBreaker) -> [String] {
        var problems: [String] = []
        if breaker.failures < 1 {
            problems.append("its breaker's failures are \(breaker.failures); at least 1 is needed")
        }
        if breaker.pause <= .zero {
            problems.append("its breaker's pause is \(breaker.pause); it must be positive")
        }
        if breaker.longestPause < breaker.pause || breaker.longestPause > longestPause {
            problems.append(
                "its breaker's pauses run from \(breaker.pause) to \(breaker.longestPause); the limit is \(longestPause)"
            )
        }
        return problems
    }

    /// As for sagas and steps: the name labels metrics and log lines.
    private var isNameStorable: Bool {
        (1...Limits.nameLength).contains(name.utf8.count)
            && name.utf8.allSatisfy { "abcdefghijklmnopqrstuvwxyz0123456789_-".utf8.contains($0) }
    }
}
