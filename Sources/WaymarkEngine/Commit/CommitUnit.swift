import Foundation
import PostgresPQ
import Waymark

/// What one runner wants committed, all of it or nothing, with statements whose results it does not wait for.
struct CommitUnit: Sendable {
    /// The key to be inserted.
    var acceptance: KeyStatements.Acceptance?
    /// A guarded update of the key, which fails where it finds no row.
    var guarded: PostgresQuery?
    /// The application's own statements.
    var writes: [PostgresQuery] = []
    var jobs: [KeyStatements.Staging] = []

    /// What is sent for it, roughly.
    var bytes: Int {
        let key = acceptance.map { $0.request.json.utf8.count + ($0.first?.entry.output.utf8.count ?? 0) } ?? 0
        let statements = (guarded?.binds.byteCount ?? 0) + writes.reduce(0) { $0 + $1.binds.byteCount }
        return key + statements + jobs.reduce(0) { $0 + $1.job.payload.utf8.count }
    }

    /// What became of a unit that the database answered.
    enum Result: Sendable {
        case committed
        /// The key was there before us, and nothing of the unit was done; what was read of it, where it was still there.
        case exists(ObservedRow?)
    }
}

/// The guard of a unit found no row: the fence or the recovery point has moved. Nothing of the unit was done.
struct GuardFailed: Error {}

/// Somebody is inserting the key, and has not committed yet.
struct KeyBusy: Error {}
