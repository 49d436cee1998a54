import WaymarkTesting

/// What can happen to a process where it meets the outside: at a statement, a commit, a call.
package enum Fault: Sendable, Equatable {
    case kill(afterSending: Bool)
    case freeze(Microseconds, afterSending: Bool)
    /// SIGTERM: it hands back what it holds, and ends.
    case stop
    /// The connection goes away.
    case lose(Loss)
    /// 40001: the transaction is rolled back, and may be run again.
    case conflict

    package enum Loss: Sendable, Equatable {
        case beforeArrival
        case beforeReply
        /// The client hears of it first; what was sent is executed so much later.
        case beforeExecution(Microseconds)
    }
}

/// Which faults there are, drawn by the seed for each boundary of each process by itself, so that one can be left out and
/// the others stay.
struct FaultPlan {
    /// Where a fault is: the n-th boundary of a process.
    struct Place: Hashable, Comparable {
        let process: Int
        let boundary: Int

        static func < (left: Place, right: Place) -> Bool {
            (left.process, left.boundary) < (right.process, right.boundary)
        }
    }

    let seed: UInt64
    let perMille: Int
    let longestFreeze: Microseconds
    let suppressed: Set<Place>
    /// The faults that there were.
    private(set) var fired: [Place] = []

    init(seed: UInt64, perMille: Int, longestFreeze: Microseconds, suppressed: Set<Place>) {
        self.seed = seed
        self.perMille = perMille
        self.longestFreeze = longestFreeze
        self.suppressed = suppressed
    }

    mutating func draw(at place: Place) -> Fault? {
        var random = SeededGenerator(
            seed: seed ^ UInt64(place.process) &* 0x9E37_79B9_7F4A_7C15 ^ UInt64(place.boundary)
                &* 0xC2B2_AE3D_27D4_EB4F)
        // The first number of neighbouring seeds is well mixed; the rest is only drawn where it is needed.
        guard Int(random.next() % 1_000) < perMille, !suppressed.contains(place) else { return nil }
        fired.append(place)
        switch random.next() % 20 {
        case 0..<3: return .kill(afterSending: false)
        case 3..<6: return .kill(afterSending: true)
        case 6..<8: return .freeze(freeze(&random), afterSending: false)
        case 8..<11: return .freeze(freeze(&random), afterSending: true)
        case 11: return .stop
        case 12, 13: return .lose(.beforeArrival)
        case 14, 15: return .lose(.beforeReply)
        case 16..<18: return .lose(.beforeExecution(Int(random.next() % 600_000)))
        default: return .conflict
        }
    }

    private func freeze(_ random: inout SeededGenerator) -> Microseconds {
        Int(random.next() % UInt64(longestFreeze)) + 50 * .milliseconds
    }
}
