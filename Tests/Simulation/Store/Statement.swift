package import Foundation
package import Waymark

/// The statements of the engine on its tables, one case each. Delays are microseconds.
package enum Statement: Sendable {
    case accept(NewKey, by: String)
    case start(NewKey)
    /// Reads a key as it is committed: what `observe` and `locate` see.
    case read(UUID)
    case claim(UUID, fence: Int, by: String)
    case claimDue(limit: Int, by: String)
    case renew(UUID, fence: Int, by: String)
    /// A holder's write, guarded by its fence and the recovery point that it is about.
    case write(UUID, fence: Int, from: String, going: Direction, Change)
    case reap(limit: Int)
    case stage(NewJob)
    case claimJobs(limit: Int)
    case acknowledge(UUID)
    case retryJob(UUID, fence: Int, after: Int)
    case giveBackJob(UUID, fence: Int, attempt: Int)
    case bury(UUID, fence: Int)
    /// The application's own.
    case effect(Effect)

    /// What a holder's write does to the row.
    package enum Change: Sendable {
        /// The direction that the row must have: what was begun on the way there must not land on the way back.
        func direction(of work: Direction) -> Direction? {
            switch self {
            case .advance, .begin, .recordAttempt: work
            case .finish(_, let answer): answer == nil ? .compensating : .forward
            case .rest, .reject, .finishRejected: .forward
            case .release, .park: nil
            }
        }

        case advance(to: String, entry: String)
        case finish(entry: String, ModelAnswer?)
        case begin(to: String, attempts: Int)
        case rest(to: String, after: Int)
        case reject(ModelAnswer, error: String)
        case finishRejected(ModelAnswer, error: String)
        case recordAttempt(Int, error: String)
        case release(after: Int, attempts: Int, isInDoubt: Bool, error: String?)
        case park(ParkedReason, isInDoubt: Bool, error: String?)
    }

    /// A job that a phase stages.
    package struct NewJob: Sendable {
        package let id: UUID
        package let keyID: UUID
        package let position: Int
        package let origin: ModelJob.Origin
        package let lane: String
        /// How long after the commit it is due.
        package let delay: Int

        package init(
            id: UUID, keyID: UUID, position: Int, origin: ModelJob.Origin, lane: String = "job", delay: Int = 0
        ) {
            self.lane = lane
            self.delay = delay
            self.id = id
            self.keyID = keyID
            self.position = position
            self.origin = origin
        }
    }
}

/// What a statement gave.
package struct Rows: Sendable {
    /// How many rows were inserted, updated, deleted or found.
    package var count = 0
    package var keys: [ModelKey] = []
    package var jobs: [ModelJob] = []

    package init(count: Int = 0) { self.count = count }

    package init(keys: [ModelKey]) {
        self.keys = keys
        count = keys.count
    }

    package init(jobs: [ModelJob]) {
        self.jobs = jobs
        count = jobs.count
    }
}
