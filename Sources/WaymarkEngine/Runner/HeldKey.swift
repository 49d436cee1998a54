import PostgresPQ
import Waymark

/// A key that this process holds: what stays as it is while its runners drive it.
final class HeldKey: Sendable {
    let engine: Engine
    let saga: RegisteredSaga
    let context: KeyContext
    let hold: Hold
    /// The request as it is stored, and the version of the saga that accepted it.
    let request: String
    let version: Int
    /// What this key's answer is called by the key that waits for it.
    let parentEvent: String?
    let fence: Int
    /// The database's clock at a moment of this machine's, once a claim told.
    let databaseClock: (seconds: Double, at: ContinuousClock.Instant)?

    init(engine: Engine, saga: RegisteredSaga, accepting request: AcceptedRequest, hold: Hold) {
        self.engine = engine
        self.saga = saga
        context = request.context
        self.hold = hold
        self.request = request.json
        version = request.sagaVersion
        parentEvent = nil
        fence = request.context.firstFence
        databaseClock = nil
    }

    init(engine: Engine, saga: RegisteredSaga, claimed row: ClaimedRow, hold: Hold) {
        self.engine = engine
        self.saga = saga
        context = row.context
        self.hold = hold
        request = row.request
        version = row.version
        parentEvent = row.parentEvent
        fence = row.fence
        // Not as of the claim's sending: it may have waited for the database, and nothing must end early for that.
        databaseClock = (row.claimedAt, engine.clock.now())
    }

    /// Sends a guarded update, through outages of the database.
    ///
    /// A lost connection leaves open whether it was applied; then it is sent again, and if its guard finds no row,
    /// `landed` tells from the row whether the first sending was.
    /// - Parameters:
    ///   - line: whose place in the row `landed` is told.
    ///   - step: whose last output it is told.
    func write(
        _ update: GuardedWrite, _ line: LineID, step: String = "", landed: @escaping @Sendable (Location) -> Bool
    ) async -> WriteResult {
        await write(line, step: step, landed: landed) { [engine] _ in try await engine.coalescer.finds(update) }
    }

    /// The same for whatever `send` does in one transaction; it says whether the guard found the row.
    func write(
        _ line: LineID, step: String = "", landed: @escaping @Sendable (Location) -> Bool,
        _ send: @escaping @Sendable (PostgresClient) async throws -> Bool
    ) async -> WriteResult {
        switch await engine.postgres.patiently(send) {
        case .success(true): return .done
        case .failure(let error): return .failed(error)
        case .success(false):
            guard case .success(let location?) = await locate(line, step: step),
                location.incarnation == context.incarnation, location.fence == fence, landed(location)
            else { return .lost }
            return .done
        }
    }

    /// Reads where the row stands, waiting for a database that is away.
    func locate(_ line: LineID, step: String) async -> Result<Location?, PostgresError> {
        let query = engine.statements.locate(context.id, line, step: step)
        return await engine.postgres.patiently { postgres in
            try await postgres.query(query).first.map(Location.init)
        }
    }
}

/// What came of a guarded write.
enum WriteResult {
    case done
    /// The guard found no row: the key is not ours any more.
    case lost
    indirect case failed(PostgresError)
}
