import PostgresPQ
import Waymark

/// Units failed, and their transaction is rolled back.
struct BatchFailure: Error {
    /// Which of them; nil where that is not known.
    let unit: Int?
    /// The failure as it is the unit's own: `GuardFailed`, `KeyExists`, `KeyBusy`, or what the database said.
    let error: any Error

    /// Whether it was a lock that was not to be had in time.
    var isLockWait: Bool { error is KeyBusy || (error as? PostgresError)?.sqlState == .lockNotAvailable }
}

extension Coalescer {
    /// How units run in one transaction.
    enum Way {
        /// With one statement for what several want done to keys and jobs.
        case together
        /// With statements of their own, so that an error tells whose it is.
        case apart
        /// One by itself, which may wait for locks as long as the database is set up to.
        case alone
    }

    /// Commits units in one transaction, in one round trip.
    /// - Throws: `BatchFailure`, or an error that is no unit's: of the connection, the pool, or an unknown COMMIT.
    func commit(_ units: [CommitUnit], _ way: Way) async throws {
        let script = CommitScript(units, way, statements)
        do {
            try await postgres.withTransaction(opening: script.opening) { _ in
            } closing: {
                script.steps.map(\.statement)
            }
        } catch let failure as PostgresTransactionError {
            guard failure.error.isTheUnits else { throw failure.isUnknown ? failure : failure.error }
            guard case .closing(let index) = failure.stage else {
                throw BatchFailure(unit: units.count == 1 ? 0 : nil, error: failure)
            }
            throw script.steps[index].failure(failure.error)
        } catch let error as PostgresError where error.isTheUnits {
            // A value that cannot be sent.
            throw BatchFailure(unit: units.count == 1 ? 0 : nil, error: error)
        }
    }
}
