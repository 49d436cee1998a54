import Testing

@testable import WaymarkTesting

@Suite("FaultProxyMatcher")
struct MatcherTests {
    @Test("finds the first occurrence, however the bytes are cut into pieces")
    func random() {
        let seed = UInt64.random(in: 0 ... .max)
        print("seed \(seed)")
        var random = LinearCongruential(state: seed)
        for _ in 0..<3_000 {
            // Two letters and short patterns: overlapping near-misses are the hard part.
            let text = (0..<Int.random(in: 0...40, using: &random)).map { _ in UInt8.random(in: 0...1, using: &random) }
            let pattern = (0...Int.random(in: 0...5, using: &random)).map { _ in UInt8.random(in: 0...1, using: &random)
            }
            var expected: Int?
            for end in pattern.count..<max(pattern.count, text.count + 1)
            where expected == nil && text.prefix(end).suffix(pattern.count).elementsEqual(pattern) {
                expected = end
            }
            var matcher = FaultProxyMatcher(pattern)
            var rest = text[...]
            var read = 0
            var found: Int?
            while found == nil, !rest.isEmpty {
                let piece = rest.prefix(Int.random(in: 1...4, using: &random))
                found = matcher.firstEnd(in: piece).map { read + $0 }
                read += piece.count
                rest = rest.dropFirst(piece.count)
            }
            #expect(found == expected, "\(pattern) in \(text)")
        }
    }

    struct LinearCongruential: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return (state >> 32) | (state << 32)
        }
    }
}
