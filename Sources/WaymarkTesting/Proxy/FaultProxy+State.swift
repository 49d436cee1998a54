extension FaultProxy {
    /// A pattern that is waited for.
    struct Trap: Sendable {
        let id: Int
        let pattern: [UInt8]
        let direction: Direction
        let forward: Bool
        var timesLeft: Int
        /// Occurrences to let pass before.
        var toPass = 0
        /// Whether the cut is the end of every connection, also of later ones.
        var isFinal = false
    }

    /// Everything that changes, under the proxy's one lock.
    struct State {
        var rules = Rules()
        var traps: [Trap] = []
        var counters = Counters()
        var links: [Int: FaultProxyLink] = [:]
        /// Nobody reaches the server any more.
        var isSevered = false
        var waiters: [Int: (count: Int, continuation: CheckedContinuation<Void, Never>)] = [:]
        private var random: UInt64
        private var lastID = 0

        init(seed: UInt64) { random = seed }

        mutating func nextID() -> Int {
            lastID += 1
            return lastID
        }

        mutating func addTrap(
            pattern: [UInt8], direction: Direction, times: Int, forward: Bool, toPass: Int = 0, isFinal: Bool = false
        ) {
            traps.append(
                Trap(
                    id: nextID(), pattern: pattern, direction: direction, forward: forward, timesLeft: times,
                    toPass: toPass, isFinal: isFinal)
            )
        }

        /// Uses one cut of a trap up.
        ///
        /// - Returns: Whether there was one left, and nothing is let pass any more.
        mutating func spring(_ id: Int) -> Bool {
            guard let index = traps.firstIndex(where: { $0.id == id }) else { return false }
            if traps[index].toPass > 0 {
                traps[index].toPass -= 1
                return false
            }
            if traps[index].isFinal { isSevered = true }
            traps[index].timesLeft -= 1
            if traps[index].timesLeft == 0 { traps.remove(at: index) }
            return true
        }

        /// The delay of one piece: the rule's latency, give or take the jitter.
        mutating func delay(_ direction: Direction) -> Duration {
            let latency = rules.latency(direction)
            guard rules.jitter > 0, latency > .zero else { return latency }
            // SplitMix64: one addition of state, any seed will do.
            random &+= 0x9e37_79b9_7f4a_7c15
            var mixed = random
            mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
            mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
            let unit = Double((mixed ^ (mixed >> 31)) >> 11) / Double(1 << 53)
            return latency * (1 + rules.jitter * (2 * unit - 1))
        }
    }
}
