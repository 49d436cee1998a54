import Foundation
import PostgresPQ
import Waymark

/// What one runner wants committed, all of it or nothing, with statements whose results it does not wait for.
struct CommitUnit: Sendable {
    /// The step whose phase the unit is; nil for a write of the engine's own.
    var step: Step?
    /// The key to be inserted.
    var acceptance: KeyStatements.Acceptance?
    var guarded: GuardedWrite?
    /// The application's own statements.
    var writes: [Writes.Statement] = []
    var jobs: [KeyStatements.Staging] = []

    /// One of its writes sets something that later statements of the transaction, or of the session, would find.
    var setsSession: Bool {
        writes.contains { if case .query(let query) = $0 { query.sessionEffect != .none } else { false } }
    }

    /// What is sent for it, roughly.
    var bytes: Int {
        let key = acceptance.map { $0.request.json.utf8.count + ($0.first?.entry.output.utf8.count ?? 0) } ?? 0
        let statements = (guarded?.bytes ?? 0) + writes.reduce(0) { $0 + $1.byteCount }
        return key + statements + jobs.reduce(0) { $0 + $1.job.payload.utf8.count }
    }

    /// A step of a saga, and the request that is at it.
    struct Step: Sendable {
        let name: Name
        let timeout: Duration
        let hold: Hold
        /// The name of the hold's line.
        let line: String

        /// The names of a saga and of one of its steps.
        struct Name: Hashable, Sendable {
            let saga: String
            let step: String
        }

        /// Has the request's lease renewed for as long as the step may take from now on.
        func begin() { hold.beginStep(timeout: timeout, line: line) }
    }
}

/// An update of a key that fails where it finds no row.
enum GuardedWrite: Sendable {
    /// A step's commit on the way forward, which can share a statement with those of others.
    case progress(KeyStatements.Progress)
    case update(PostgresQuery)

    var bytes: Int {
        switch self {
        case .progress(let progress):
            progress.entry.output.utf8.count + (progress.call?.output.utf8.count ?? 0)
                + (progress.answer?.body.utf8.count ?? 0)
        case .update(let query): query.binds.byteCount
        }
    }
}

/// The guard of a unit found no row: the fence or the recovery point has moved. Nothing of the unit was done.
struct GuardFailed: Error {}

/// The key was there before us. Nothing of the unit was done.
struct KeyExists: Error {}

/// Somebody is inserting the key, and has not committed yet.
struct KeyBusy: Error {}
