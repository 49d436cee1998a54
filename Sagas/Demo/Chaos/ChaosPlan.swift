import Staging
import WaymarkTesting

/// What is killed when: all of it decided by the seed, before anything starts.
struct ChaosPlan: Sendable {
    /// One thing that is done to the stage.
    enum Blow: Sendable, Equatable {
        /// SIGKILL for an orchestrator, by its number from 1; it comes back after a while.
        case orchestrator(Int, awayFor: Duration)
        case completionist
        /// `pg_ctl stop -m immediate`: no checkpoint, no goodbye; it comes back after a while and recovers.
        case postgres(awayFor: Duration)
    }

    /// A blow and its time.
    struct Event: Sendable {
        /// From the first ride on.
        let at: Duration
        let blow: Blow
    }

    /// By time.
    let events: [Event]

    /// An orchestrator dies every two seconds; the completionist and PostgreSQL once, somewhere in the middle.
    init(seed: UInt64, window: Duration) {
        var generator = SeededGenerator(seed: seed, stream: 1)
        let seconds = window / .seconds(1)
        var events = stride(from: 1.0, to: seconds - 0.5, by: 2).map { second in
            Event(
                at: .seconds(second + Double.random(in: -0.3...0.3, using: &generator)),
                blow: .orchestrator(
                    Int.random(in: 1...Cast().orchestrators, using: &generator),
                    awayFor: .milliseconds(Int.random(in: 100...600, using: &generator))))
        }
        let middle = 0.25 * seconds...0.65 * seconds
        events.append(Event(at: .seconds(Double.random(in: middle, using: &generator)), blow: .completionist))
        events.append(
            Event(
                at: .seconds(Double.random(in: middle, using: &generator)),
                blow: .postgres(awayFor: .milliseconds(Int.random(in: 200...800, using: &generator)))))
        self.events = events.sorted { $0.at < $1.at }
    }
}
