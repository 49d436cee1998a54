import Synchronization
import WaymarkClient

/// Counts what the clients see.
final class Tally: Sendable {
    /// The counts at one moment.
    struct Counts: Sendable {
        let rides: Int
        var ridesDone = 0
        var ridesUnderWay = 0
        /// Attempts, of all rides and their repeats.
        var sent = 0
        /// Attempts after a ride's first.
        var retries = 0
        /// Answers that had been given before.
        var replays = 0
        /// Answers of 409 and 503: in progress, not finished yet.
        var inProgress = 0
        var unavailable = 0
        /// Refused, lost or timed out.
        var unanswered = 0
    }

    private let counts: Mutex<Counts>

    init(rides: Int) { counts = Mutex(Counts(rides: rides)) }

    /// The counts so far.
    var snapshot: Counts { counts.withLock { $0 } }

    /// A client begins with a ride.
    func begin() { counts.withLock { $0.ridesUnderWay += 1 } }

    /// A client has its answers, or gave up.
    func end() {
        counts.withLock { counts in
            counts.ridesUnderWay -= 1
            counts.ridesDone += 1
        }
    }

    /// One attempt is over.
    func count(_ attempt: Attempt) {
        counts.withLock { counts in
            counts.sent += 1
            if attempt.number > 1 { counts.retries += 1 }
            switch attempt.result {
            case .unanswered: counts.unanswered += 1
            case .answered(_, replayed: true): counts.replays += 1
            case .answered(409, _): counts.inProgress += 1
            case .answered(503, _): counts.unavailable += 1
            case .answered: break
            }
        }
    }
}
