import Foundation
import Staging
import Synchronization
import WaymarkTesting

/// How many processes are to be killed, and every random choice, from one seed.
///
/// `WAYMARK_TEST_KILLS` and `WAYMARK_TEST_SEED` set them. The seed repeats the choices, not what the machine makes of them.
final class KillPlan: Sendable {
    let kills: Int
    let seed: UInt64
    private let state = Mutex((begun: 0, isEnded: false))

    /// - Parameter kills: unless the environment says otherwise.
    init(kills: Int = 25) {
        let environment = ProcessInfo.processInfo.environment
        self.kills = environment["WAYMARK_TEST_KILLS"].flatMap(Int.init) ?? kills
        seed = environment["WAYMARK_TEST_SEED"].flatMap(UInt64.init) ?? .random(in: 0...UInt64(UInt32.max))
    }

    /// Whether another process is to be killed: true so many times.
    func beginKill() -> Bool {
        state.withLock { state in
            guard state.begun < kills else { return false }
            state.begun += 1
            return true
        }
    }

    /// Whether nothing new is to be asked for.
    var isKilled: Bool { state.withLock { $0.begun == kills || $0.isEnded } }

    /// Whether the processes may end.
    var isEnded: Bool { state.withLock(\.isEnded) }

    func end() { state.withLock { $0.isEnded = true } }

    /// - Parameter stream: numbers the uses of the seed, so that a change in one does not shift the others.
    func random(stream: Int) -> SeededGenerator {
        SeededGenerator(seed: seed, stream: UInt64(stream))
    }
}
