import Testing

@testable import Waymark

@Suite struct ForeignServiceTests {
    @Test func everyLimitIsOptional() {
        let service = ForeignService("stripe")
        #expect(service.problems == [])
        #expect(service.maxConcurrent == nil && service.perSecond == nil && service.breaker == nil)
        #expect(service == ForeignService("stripe"))
        #expect(service != ForeignService("stripe", perSecond: 50))
        #expect(ForeignService.CircuitBreaker(failures: 5, pause: .seconds(10)).longestPause == .minutes(2))
    }

    @Test(arguments: ["", "Stripe", "my service", "bücher", "a.b", String(repeating: "n", count: 81)])
    func names(name: String) {
        #expect(
            ForeignService(name).problems
                == ["service '\(name)': its name is not 1 to 80 characters of a-z, 0-9, _ and -"])
    }

    @Test(arguments: ["a", "0", "-", "_", "a-b_9", String(repeating: "n", count: 80)])
    func goodNames(name: String) {
        #expect(ForeignService(name).problems == [])
    }

    @Test(arguments: [
        (ForeignService("s", maxConcurrent: 0), "its maxConcurrent is 0; it must be positive"),
        (ForeignService("s", maxConcurrent: -1), "its maxConcurrent is -1; it must be positive"),
        (ForeignService("s", perSecond: 0), "its perSecond is 0.0; it must be positive, from one a day to 1,000,000"),
        (ForeignService("s", perSecond: -5), "its perSecond is -5.0; it must be positive, from one a day to 1,000,000"),
        (
            ForeignService("s", perSecond: .nan),
            "its perSecond is nan; it must be positive, from one a day to 1,000,000"
        ),
        (
            ForeignService("s", perSecond: .infinity),
            "its perSecond is inf; it must be positive, from one a day to 1,000,000"
        ),
        (
            ForeignService("s", breaker: .init(failures: 0, pause: .seconds(1))),
            "its breaker's failures are 0; at least 1 is needed"
        ),
        (
            ForeignService("s", breaker: .init(failures: 1, pause: .zero)),
            "its breaker's pause is 0.0 seconds; it must be positive"
        ),
        (
            ForeignService("s", breaker: .init(failures: 1, pause: .minutes(3))),
            "its breaker's pauses run from 180.0 seconds to 120.0 seconds; the limit is 3600.0 seconds"
        ),
        (
            ForeignService("s", breaker: .init(failures: 1, pause: .minutes(3), longestPause: .hours(2))),
            "its breaker's pauses run from 180.0 seconds to 7200.0 seconds; the limit is 3600.0 seconds"
        ),
    ])
    func limits(service: ForeignService, problem: String) {
        #expect(service.problems == ["service 's': \(problem)"])
    }

    @Test func theLimitsOfLimits() {
        let breaker = ForeignService.CircuitBreaker(failures: 1, pause: .hours(1), longestPause: .hours(1))
        for rate in [1 / 86_400.0, 0.5, 1_000_000] {
            #expect(ForeignService("s", maxConcurrent: 1, perSecond: rate, breaker: breaker).problems == [])
        }
    }

    @Test func everyProblemIsNamed() {
        let breaker = ForeignService.CircuitBreaker(failures: 0, pause: .seconds(-1), longestPause: .seconds(-2))
        #expect(ForeignService("S", maxConcurrent: 0, perSecond: 0, breaker: breaker).problems.count == 6)
    }
}
