import Testing
import Waymark

@testable import WaymarkEngine

@Suite struct CircuitBreakerTests {
    /// What happens to a breaker, `at` seconds after the beginning.
    enum Event {
        case admit(Int, at: Double)
        case outcome(Int, ServiceOutcome, at: Double)
        /// How many seconds it stays open; 0: a call goes through.
        case remains(Double, at: Double)
    }

    /// A breaker that opens after 2 failures, for 10 s, 20 s, then 30 s.
    private func play(_ events: [Event]) {
        let start = ContinuousClock.now
        var breaker = CircuitBreakerStateMachine(
            .init(failures: 2, pause: .seconds(10), longestPause: .seconds(30)))
        var calls: [Int: Int] = [:]
        for (index, event) in events.enumerated() {
            switch event {
            case .admit(let call, let time):
                let remaining = breaker.remaining(at: start + .seconds(time))
                #expect(remaining == nil, "event \(index): \(event)")
                guard remaining == nil else { return }
                calls[call] = breaker.admit(now: start + .seconds(time))
            case .outcome(let call, let outcome, let time):
                guard let generation = calls[call] else { preconditionFailure("the call was admitted") }
                breaker.record(outcome, of: generation, now: start + .seconds(time))
            case .remains(let seconds, let time):
                let remaining = breaker.remaining(at: start + .seconds(time))
                #expect(remaining == (seconds > 0 ? .seconds(seconds) : nil), "event \(index): \(event)")
            }
        }
    }

    private static let opening: [Event] = [
        .admit(1, at: 0), .admit(2, at: 0), .admit(3, at: 0), .admit(4, at: 0),
        .outcome(1, .failure, at: 1), .remains(0, at: 1), .outcome(2, .failure, at: 2),
    ]

    @Test func failuresInARowOpenIt() {
        play(Self.opening + [.remains(10, at: 2), .remains(0.5, at: 11.5), .remains(0, at: 12)])
    }

    @Test func aSuccessInBetweenStartsTheCountAgain() {
        play([
            .admit(1, at: 0), .outcome(1, .failure, at: 0), .admit(2, at: 0), .outcome(2, .success, at: 0),
            .admit(3, at: 0), .outcome(3, .failure, at: 0), .remains(0, at: 0),
            .admit(4, at: 0), .outcome(4, .failure, at: 0), .remains(10, at: 0),
        ])
    }

    @Test func neitherCountsForNothing() {
        play([
            .admit(1, at: 0), .outcome(1, .failure, at: 0), .admit(2, at: 0), .outcome(2, .neither, at: 0),
            .remains(0, at: 0), .admit(3, at: 0), .outcome(3, .failure, at: 0), .remains(10, at: 0),
        ])
    }

    @Test func oneProbeGoesThroughAndItsSuccessCloses() {
        play(
            Self.opening + [
                .admit(5, at: 12), .remains(9, at: 13), .outcome(5, .success, at: 14), .remains(0, at: 14),
                .admit(6, at: 14), .outcome(6, .failure, at: 14), .remains(0, at: 14),
            ])
    }

    @Test func failedProbesDoubleThePauseUpToTheCap() {
        play(
            Self.opening + [
                .admit(5, at: 12), .outcome(5, .failure, at: 13), .remains(20, at: 13),
                .admit(6, at: 33), .outcome(6, .failure, at: 33), .remains(30, at: 33),
                .admit(7, at: 63), .outcome(7, .failure, at: 63), .remains(30, at: 63),
                // Closed, it begins again with the first pause.
                .admit(8, at: 93), .outcome(8, .success, at: 93),
                .admit(9, at: 93), .outcome(9, .failure, at: 93), .admit(10, at: 93), .outcome(10, .failure, at: 93),
                .remains(10, at: 93),
            ])
    }

    @Test func aProbeWithoutAWordCostsOnePause() {
        play(
            Self.opening + [.admit(5, at: 12), .outcome(5, .neither, at: 13), .remains(9, at: 13), .remains(0, at: 22)])
    }

    @Test func aProbeThatHangsIsFollowedByAnotherAndMayStillClose() {
        play(
            Self.opening + [
                .admit(5, at: 12), .remains(0, at: 22), .admit(6, at: 22), .remains(10, at: 22),
                .outcome(5, .success, at: 23), .remains(0, at: 23),
                // The other one is old news by now.
                .admit(7, at: 23), .outcome(7, .failure, at: 23), .outcome(6, .failure, at: 24), .remains(0, at: 24),
            ])
    }

    @Test func callsFromBeforeItOpenedAreOldNews() {
        play(
            Self.opening + [
                .outcome(3, .success, at: 3), .remains(9, at: 3), .admit(5, at: 12),
                .outcome(4, .failure, at: 13), .remains(9, at: 13),
            ])
    }
}
