/// What goes wrong with one request.
enum Fault: String, Sendable, CaseIterable {
    case errorBefore = "error_before"
    case errorAfter = "error_after"
    case dropBefore = "drop_before"
    case dropAfter = "drop_after"
}

/// Decides what goes wrong: from a seed and the request's number, so that a run can be repeated.
struct FaultDice: Sendable {
    /// Faults in a row for one key, after which one request of it is let through: whoever repeats gets there.
    static let longestStreak = 3

    private let seed: UInt64
    private var requests: UInt64 = 0
    private var statements: UInt64 = 0
    private var streaks: [String: Int] = [:]

    init(seed: UInt64) { self.seed = seed }

    /// Decides about the next request.
    mutating func roll(key: String, rates: Rates) -> Fault? {
        requests += 1
        guard let fault = Self.fault(at: Self.unit(seed, requests), rates) else {
            streaks[key] = nil
            return nil
        }
        let streak = streaks[key, default: 0] + 1
        guard streak <= Self.longestStreak else {
            streaks[key] = nil
            return nil
        }
        streaks[key] = streak
        return fault
    }

    /// Decides whether the next statement cannot be had. It has a count of its own, so that whoever asks again and again
    /// does not change what goes wrong with the mutations.
    mutating func rollStatement(rates: Rates) -> Bool {
        statements += 1
        return Self.unit(seed, Hash.fnv1a("statement \(statements)")) < rates.statementOutage
    }

    /// Whether the card behind a key is declined: the same for each attempt.
    func declines(key: String, rates: Rates) -> Bool {
        Self.unit(seed, Hash.fnv1a(key)) < rates.decline
    }

    private static func fault(at unit: Double, _ rates: Rates) -> Fault? {
        let shares: [(Fault, Double)] = [
            (.errorBefore, rates.errorBefore), (.errorAfter, rates.errorAfter),
            (.dropBefore, rates.drop / 2), (.dropAfter, rates.drop / 2),
        ]
        var end = 0.0
        for (fault, share) in shares {
            end += share
            if unit < end { return fault }
        }
        return nil
    }

    /// A number from 0 up to 1 that depends on both arguments and on nothing else.
    private static func unit(_ seed: UInt64, _ value: UInt64) -> Double {
        Double(Hash.mix(Hash.mix(seed) ^ value) >> 11) / Double(1 << 53)
    }
}

/// Hashes that stay the same from run to run. Not for secrets.
enum Hash {
    /// FNV-1a, 64 bits.
    static func fnv1a(_ text: String, basis: UInt64 = 0xcbf2_9ce4_8422_2325) -> UInt64 {
        text.utf8.reduce(basis) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    }

    /// The finalizer of SplitMix64: each bit of the input reaches each of the output.
    static func mix(_ value: UInt64) -> UInt64 {
        var mixed = value &+ 0x9e37_79b9_7f4a_7c15
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }

    /// 24 hexadecimal digits of `text`.
    static func identifier(_ text: String) -> String {
        let halves = [mix(fnv1a(text)), mix(fnv1a(text, basis: 0x8422_2325_cbf2_9ce4))]
        let digits = halves.map { half in
            let text = String(half, radix: 16)
            return String(repeating: "0", count: 16 - text.count) + text
        }
        return String(digits.joined().prefix(24))
    }
}
