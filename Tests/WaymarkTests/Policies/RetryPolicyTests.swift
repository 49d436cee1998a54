import Testing
import WaymarkTesting

@testable import Waymark

@Suite struct RetryPolicyTests {
    private func ceiling(_ policy: RetryPolicy, afterAttempt attempt: Int) -> Duration {
        var longest = LargestNumber()
        return policy.delay(afterAttempt: attempt, retryAfter: nil, using: &longest)
    }

    /// Whether two delays are the same but for a double's rounding.
    private func isClose(_ left: Duration, _ right: Duration) -> Bool {
        abs((left - right) / .nanoseconds(1)) < 1
    }

    @Test func defaults() {
        let policy = RetryPolicy.exponential()
        #expect(policy.attempts == 100)
        #expect(policy.base == .milliseconds(200))
        #expect(policy.cap == .minutes(2))
        #expect(RetryPolicy.none.attempts == 1)
        #expect(RetryPolicy.exponential(attempts: 3) != .fixed(attempts: 3, every: .milliseconds(200)))
    }

    @Test func ceilingsDoubleUpToTheCap() {
        let policy = RetryPolicy.exponential(attempts: 10, base: .milliseconds(250), cap: .seconds(5))
        let expected: [Double] = [0.25, 0.5, 1, 2, 4, 5, 5, 5]
        for (index, seconds) in expected.enumerated() {
            #expect(isClose(ceiling(policy, afterAttempt: index + 1), .seconds(seconds)), "attempt \(index + 1)")
        }
    }

    @Test func fixedCeilingsStay() {
        let policy = RetryPolicy.fixed(attempts: 3, every: .seconds(2))
        for attempt in [1, 2, 50, 1_000_000] { #expect(ceiling(policy, afterAttempt: attempt) == .seconds(2)) }
        #expect(ceiling(.none, afterAttempt: 1) == .zero)
    }

    @Test(arguments: [40, 41, 42, 63, 64, 1_024, 1_000_000, Int.max, 0, -1, Int.min])
    func noAttemptOverflows(attempt: Int) {
        for cap in [Duration.seconds(60), .hours(24 * 365)] {
            let delay = ceiling(.exponential(attempts: .max, cap: cap), afterAttempt: attempt)
            #expect(isClose(delay, attempt > 1 ? cap : .milliseconds(200)))
        }
    }

    @Test func delaysLieBetweenZeroAndACeilingThatOnlyGrows() {
        let seed = Seed()
        var random = seed.generator()
        for _ in 0..<500 {
            let base = Duration.milliseconds(Int.random(in: 0...5_000, using: &random))
            let cap = base + .milliseconds(Int.random(in: 0...600_000, using: &random))
            let policy = RetryPolicy.exponential(attempts: 100, base: base, cap: cap)
            var last = Duration.zero
            for attempt in 1...30 {
                let ceiling = ceiling(policy, afterAttempt: attempt)
                #expect(ceiling >= last && ceiling <= cap + .nanoseconds(1), "seed \(seed.value)")
                last = ceiling
                let delay = policy.delay(afterAttempt: attempt, retryAfter: nil, using: &random)
                #expect(delay >= .zero && delay <= ceiling, "seed \(seed.value)")
            }
        }
    }

    /// Full jitter: a thousand clients that failed together do not come back together.
    @Test func delaysAreSpreadOverTheWholeRange() {
        let seed = Seed()
        var random = seed.generator()
        let policy = RetryPolicy.fixed(attempts: 2, every: .seconds(10))
        var buckets = Array(repeating: 0, count: 10)
        for _ in 0..<10_000 {
            let delay = policy.delay(afterAttempt: 1, retryAfter: nil, using: &random)
            buckets[min(Int(delay / .seconds(1)), 9)] += 1
        }
        // Each holds 1,000 give or take 30; ten times that happens to nobody.
        #expect(buckets.allSatisfy { (700...1_300).contains($0) }, "\(buckets), seed \(seed.value)")
    }

    @Test func theSameSeedGivesTheSameDelays() {
        let seed = Seed()
        let policy = RetryPolicy.exponential()
        func delays(_ generator: SeededGenerator) -> [Duration] {
            var generator = generator
            return (1...20).map { policy.delay(afterAttempt: $0, retryAfter: nil, using: &generator) }
        }
        #expect(delays(seed.generator()) == delays(seed.generator()))
        #expect(delays(seed.generator(0)) != delays(seed.generator(1)))
    }

    @Test(arguments: [
        (Duration.seconds(30), Duration.seconds(30)), (.hours(1), .hours(1)), (.hours(1) + .seconds(1), .hours(1)),
        (.hours(10_000), .hours(1)), (.zero, .seconds(2)), (.seconds(-5), .seconds(2)), (.seconds(1), .seconds(2)),
    ])
    func retryAfterIsHonouredUpToAnHour(asked: Duration, expected: Duration) {
        let policy = RetryPolicy.fixed(attempts: 3, every: .seconds(2))
        var longest = LargestNumber()
        #expect(policy.delay(afterAttempt: 1, retryAfter: asked, using: &longest) == expected)
    }
}
