import Foundation
import WaymarkTesting

/// The seed of a random test: drawn anew for each run and printed, or taken from `WAYMARK_TEST_SEED` to repeat a run.
struct Seed {
    let value: UInt64

    init(for test: String = #function) {
        let given = ProcessInfo.processInfo.environment["WAYMARK_TEST_SEED"].flatMap { UInt64($0) }
        value = given ?? .random(in: .min ... .max)
        print("\(test): WAYMARK_TEST_SEED=\(value)")
    }

    /// The generator of the test's case numbered `index`. Its seed is mixed once more, so that no two cases get parts of
    /// the same sequence.
    func generator(_ index: Int = 0) -> SeededGenerator {
        var seeds = SeededGenerator(seed: value &+ UInt64(index))
        return SeededGenerator(seed: seeds.next())
    }
}

/// Always the largest number: a delay drawn with it is as long as its ceiling.
struct LargestNumber: RandomNumberGenerator {
    mutating func next() -> UInt64 { .max }
}
