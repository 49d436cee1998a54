import Foundation

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

/// SplitMix64 (Steele, Lea and Flood, 2014): the same numbers from the same seed on every machine.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) {
        state = seed
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}

/// Always the largest number: a delay drawn with it is as long as its ceiling.
struct LargestNumber: RandomNumberGenerator {
    mutating func next() -> UInt64 { .max }
}
