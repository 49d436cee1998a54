public import PostgresPQ
import Synchronization

/// What an atomic phase's body gets: SQL inside the phase's transaction, and jobs that commit with it.
///
/// It is valid only until the body returns; COMMIT, together with the new recovery point, is the engine's.
public struct Transaction: Sendable {
    /// Which request this is for.
    public let key: KeyContext
    private let postgres: PostgresTransaction
    private let staged = StagedJobs()
    private let starting: @Sendable (StartedSaga) async throws -> Void

    package init(
        key: KeyContext, postgres: PostgresTransaction, starting: @escaping @Sendable (StartedSaga) async throws -> Void
    ) {
        self.key = key
        self.postgres = postgres
        self.starting = starting
    }

    /// Runs a statement and gives its rows.
    /// - Throws: `PostgresError`. After it the transaction cannot commit: throw a `Rejection`, or let it pass.
    public func query(_ query: PostgresQuery) async throws -> PostgresRows {
        try await postgres.query(query)
    }

    /// Runs a statement and gives the number of rows it affected.
    /// - Throws: `PostgresError`. After it the transaction cannot commit: throw a `Rejection`, or let it pass.
    @discardableResult
    public func execute(_ query: PostgresQuery) async throws -> Int {
        try await postgres.execute(query)
    }

    /// Runs statements that do not depend on each other's results in one round trip.
    /// - Throws: the first failing statement's `PostgresError`.
    @discardableResult
    public func pipeline(_ queries: [PostgresQuery]) async throws -> [PostgresRows] {
        try await postgres.pipeline(queries)
    }

    /// Stages a job that exists if and only if this phase commits. The drain hands it on at least once, with an id that
    /// stays the same.
    /// - Parameter delay: how long after the commit the job is due.
    /// - Throws: `WaymarkError` when the job does not encode, is too large, or the phase staged too many.
    public func stage(_ job: some Job, after delay: Duration = .zero) throws {
        try staged.append(job, after: delay)
    }

    /// Accepts a request of another saga if and only if this phase commits; it has this request's scope, and is begun by a
    /// completionist. The same again changes nothing.
    /// - Throws: `WaymarkError` when the key belongs to another request (`keyTaken`) or the request cannot be stored;
    ///   `PostgresError`.
    public func start<S: Saga>(_ saga: S.Type, key: IdempotencyKey, request: S.Request) async throws {
        let request = try StepValue(encoding: request)
        if request.json.utf8.count > Limits.valueBytes {
            throw WaymarkError(
                .tooLarge,
                "the request of saga '\(S.name)' is \(request.json.utf8.count) bytes; \(Limits.valueBytes) at most")
        }
        try await starting(StartedSaga(saga: S.name, version: S.version, key: key, request: request))
    }

    /// Does what a write-only phase's body appended.
    func perform(_ writes: Writes) async throws {
        try await pipeline(writes.statements.map(\.query))
        try staged.append(writes.jobs)
    }

    /// The jobs staged so far, in order.
    package var stagedJobs: [StagedJob] { staged.jobs }
}

/// A request that a phase starts.
package struct StartedSaga: Sendable {
    package let saga: String
    package let version: Int
    package let key: IdempotencyKey
    package let request: StepValue
}

/// A job on its way into the phase's commit.
package struct StagedJob: Sendable, Equatable {
    package let name: String
    /// Nil where it is called as the job is.
    package let lane: String?
    package let payload: String
    package let delay: Duration

    package init(name: String, lane: String? = nil, payload: String, delay: Duration) {
        self.name = name
        self.lane = lane
        self.payload = payload
        self.delay = delay
    }

    /// - Throws: `WaymarkError` when the job does not encode or is too large.
    init<J: Job>(_ job: J, after delay: Duration) throws {
        payload = try JSONCoding.encodeForStorage(job)
        if payload.utf8.count > Limits.valueBytes {
            throw WaymarkError(
                .tooLarge, "job '\(J.name)' is \(payload.utf8.count) bytes; \(Limits.valueBytes) at most")
        }
        name = J.name
        lane = J.lane == J.name ? nil : J.lane
        self.delay = delay
    }

    /// - Throws: `WaymarkError` when the phase staged too many.
    func append(to jobs: inout [StagedJob]) throws {
        guard jobs.count < Limits.jobsPerPhase else {
            throw WaymarkError(.tooLarge, "a phase stages \(Limits.jobsPerPhase) jobs at most")
        }
        jobs.append(self)
    }
}

/// The jobs of one phase; a class because `Transaction` is handed to the body by value.
private final class StagedJobs: Sendable {
    private let list = Mutex<[StagedJob]>([])

    var jobs: [StagedJob] { list.withLock { $0 } }

    func append(_ job: some Job, after delay: Duration) throws {
        try append([StagedJob(job, after: delay)])
    }

    func append(_ jobs: [StagedJob]) throws {
        try list.withLock { list in
            for job in jobs { try job.append(to: &list) }
        }
    }
}
