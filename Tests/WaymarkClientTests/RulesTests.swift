import Foundation
import Testing

@testable import WaymarkClient

@Suite struct RulesTests {
    /// Xorshift, so that a failure can be repeated.
    struct Generator: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            return state
        }
    }

    @Test func pausesDoubleUpToTheCapAndFillTheirRange() {
        let seed = UInt64.random(in: 1...UInt64.max)
        print("seed \(seed)")
        var generator = Generator(state: seed)
        let rules = RetryRules()
        for (pauses, ceiling) in [0: 0.1, 1: 0.2, 3: 0.8, 6: 5.0, 40: 5.0] {
            let drawn = (0..<500).map { _ in
                rules.pause(after: pauses, retryAfter: nil, using: &generator) / .seconds(1)
            }
            #expect(drawn.allSatisfy { (0...ceiling).contains($0) })
            #expect(drawn.contains { $0 < ceiling / 4 } && drawn.contains { $0 > ceiling * 3 / 4 })
        }
        let asked = rules.pause(after: 9, retryAfter: .seconds(3), using: &generator)
        #expect((.seconds(3)...(.seconds(3) + rules.base)).contains(asked))
    }

    @Test func retryAfterIsSecondsOrADate() throws {
        let now = Date(timeIntervalSince1970: 784_111_777 - 60)
        #expect(RetryAfter.duration("7") == .seconds(7))
        #expect(RetryAfter.duration(" 0 ") == .zero)
        #expect(RetryAfter.duration("Sun, 06 Nov 1994 08:49:37 GMT", now: now) == .seconds(60))
        #expect(RetryAfter.duration("Sun, 06 Nov 1994 08:49:37 GMT") == .zero)
        for nonsense in ["", "-1", "soon", "1.5"] { #expect(RetryAfter.duration(nonsense) == nil) }
    }
}
