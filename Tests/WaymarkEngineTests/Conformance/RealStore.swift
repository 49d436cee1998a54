import Foundation
import PostgresPQ
import Simulation
import WaymarkTesting

@testable import Waymark
@testable import WaymarkEngine

/// The tables in PostgreSQL, behind the model's statements: each is the engine's own query.
struct RealStore: Sendable {
    static let lease = 15
    static let retention = 60
    static let jobLease = 30
    static let saga = "conform"
    private static let jobName = "conform-job"

    let client: PostgresClient
    private let jobStatements = JobStatements(jobs: "waymark.jobs", leaseSeconds: Double(jobLease))
    private let reaping: @Sendable (Int) -> PostgresQuery

    init(client: PostgresClient) {
        self.client = client
        reaping = { limit in
            var configuration = Reaper.Configuration()
            configuration.batch = limit
            return Reaper(postgres: client, configuration: configuration).finished()
        }
    }

    /// What `now()` is in a transaction, in microseconds.
    func now(in transaction: PostgresTransaction) async throws -> Int {
        let now = try await transaction.query("SELECT (extract(epoch FROM now()) * 1000000)::bigint").decode(Int.self)
        return now.first ?? 0
    }

    /// What a statement gave.
    struct Answer: Sendable {
        /// How many rows it was about.
        let rows: Int
        /// The fences that it drew for the keys which it claimed.
        var fences: [UUID: Int] = [:]
    }

    /// Executes a statement in a transaction.
    func execute(
        _ statement: Statement, _ requests: [UUID: AcceptedRequest], in transaction: PostgresTransaction
    ) async throws -> Answer {
        let query = try query(statement, requests)
        switch statement {
        case .reap, .stage, .acknowledge, .retryJob, .giveBackJob, .bury:
            return Answer(rows: try await transaction.execute(query))
        case .claim, .claimDue:
            let claimed = try await transaction.query(query).map(ClaimedRow.init)
            let fences = claimed.map { ($0.context.id, $0.fence) }
            return Answer(rows: claimed.count, fences: Dictionary(uniqueKeysWithValues: fences))
        default: return Answer(rows: try await transaction.query(query).count)
        }
    }

    private func statements(_ holder: String = "a") -> KeyStatements {
        KeyStatements(
            schema: .waymark, holder: holder, lease: .seconds(Self.lease), retention: .seconds(Self.retention))
    }

    private func query(_ statement: Statement, _ requests: [UUID: AcceptedRequest]) throws -> PostgresQuery {
        func request(_ new: NewKey) throws -> AcceptedRequest {
            guard let request = requests[new.context.incarnation] else { throw WaymarkError(.unknownName, "?") }
            return request
        }
        switch statement {
        case .accept(let new, let holder):
            return Self.unlessTaken(
                statements(holder).accept([.init(request: try request(new), first: Self.first(new.first))]))
        case .start(let new): return statements().start(try request(new))
        case .read(let id): return statements().observe(id)
        case .claim(let id, let fence, let holder): return statements(holder).claim(id, fence: fence)
        case .claimDue(let limit, let holder):
            return statements(holder).claimDue(limit: limit, accepted: Self.accepted)
        case .renew(let id, let fence, let holder): return statements(holder).renew(id, fence: fence)
        case .write(let id, let fence, let point, let direction, let change):
            return write(id, fence, point, direction, change)
        case .reap(let limit): return reaping(limit)
        case .stage(let job):
            let staged = StagedJob(
                name: Self.jobName, lane: job.lane, payload: "{}", delay: .microseconds(job.delay))
            return statements().stage([.init(job: staged, id: job.id, keyID: job.keyID, position: job.position)])
        case .claimJobs(let limit): return jobStatements.claimDue(limit: limit, names: [Self.jobName])
        case .acknowledge(let id): return jobStatements.acknowledge(id)
        case .retryJob(let id, let fence, let delay):
            return jobStatements.retry(id, fence: fence, after: .microseconds(delay), error: "down")
        case .giveBackJob(let id, let fence, let attempt):
            return jobStatements.giveBack(id, fence: fence, attempt: attempt)
        case .bury(let id, let fence): return jobStatements.bury(id, fence: fence, error: "down")
        case .effect: preconditionFailure("the application's own tables are no concern of the engine's")
        }
    }

    /// An insert that finds the id taken gives no row, as the model's, in place of an error which would end the transaction.
    private static func unlessTaken(_ insert: PostgresQuery) -> PostgresQuery {
        PostgresQuery(unsafeSQL: "\(insert.sql) ON CONFLICT (id) DO NOTHING RETURNING id", binds: insert.binds)
    }

    private func write(
        _ id: UUID, _ fence: Int, _ point: String, _ direction: Direction, _ change: Statement.Change
    ) -> PostgresQuery {
        let statements = statements()
        if let shared = Self.shared(id, fence, point, direction, change) { return statements.progress([shared]) }
        switch change {
        case .advance(let to, let entry):
            return statements.advance(
                id, fence: fence, .main, going: direction, from: point, to: to, entry: Self.entry(entry))
        case .finish(let entry, let answer):
            return statements.finish(
                id, fence: fence, from: point, entry: Self.entry(entry), answer: answer.map(Self.stored))
        case .begin(let to, let attempts):
            return statements.begin(
                id, fence: fence, .main, going: direction, from: point, to: to, attempts: attempts)
        case .rest(let to, let delay):
            return statements.rest(id, fence: fence, from: point, to: to, until: .after(.microseconds(delay)))
        case .reject(let answer, let error):
            return statements.reject(id, fence: fence, from: point, answer: Self.stored(answer), error: error)
        case .finishRejected(let answer, let error):
            return statements.finishRejected(
                id, fence: fence, from: point, answer: Self.stored(answer), error: error)
        case .recordAttempt(let attempt, let error):
            return statements.recordAttempt(
                id, fence: fence, going: direction, at: point, attempt: attempt, error: error)
        case .release(let delay, let attempts, let isInDoubt, let error):
            return statements.release(
                id, fence: fence, at: point, after: .microseconds(delay), attempts: attempts, isInDoubt: isInDoubt,
                error: error)
        case .park(let reason, let isInDoubt, let error):
            return statements.park(
                id, fence: fence, at: point, reason: reason, isInDoubt: isInDoubt, error: error)
        }
    }

    /// A change as shared transactions make it, for about every second one that they can.
    private static func shared(
        _ id: UUID, _ fence: Int, _ point: String, _ direction: Direction, _ change: Statement.Change
    ) -> KeyStatements.Progress? {
        guard direction == .forward, let first = first(change), Int(first.entry.output).map({ $0 % 2 == 0 }) == true
        else { return nil }
        return .init(
            id: id, fence: fence, from: point, to: first.point, call: nil, entry: first.entry, answer: first.answer)
    }

    private static func first(_ change: Statement.Change?) -> KeyStatements.FirstStep? {
        switch change {
        case .advance(let point, let entry)?: .init(point: point, entry: Self.entry(entry), answer: nil)
        case .finish(let entry, let answer?)?:
            .init(point: SagaDeclaration.finished, entry: Self.entry(entry), answer: stored(answer))
        default: nil
        }
    }

    private static func stored(_ answer: ModelAnswer) -> StoredAnswer {
        StoredAnswer(status: answer.status, body: answer.body)
    }

    /// The engine's entry for the model's, which says the step and a number.
    private static func entry(_ text: String) -> JournalEntry {
        JournalEntry(
            step: EntryText.step(text) ?? "", output: EntryText.output(text).map { "\($0)" } ?? "null", attempt: 1,
            version: 1)
    }

    /// Everything that the sequences' keys may ask for.
    private static let accepted: Set<String> = {
        let needs = StatementAuthor.points + ["version:1"] + (0..<1_000).map { "journal:e\($0)" }
        return Set(needs.map { "\(saga)/\($0)" })
    }()
}
