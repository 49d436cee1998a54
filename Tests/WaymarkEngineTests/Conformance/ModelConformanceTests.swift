import Foundation
import PostgresPQ
import Simulation
import Testing
import WaymarkTesting

@testable import Waymark
@testable import WaymarkEngine

/// The simulation's store is PostgreSQL with the engine's statements: the same statements, one random sequence after the
/// other, on both; after each, what it gave and every row are compared, times to the microsecond.
@Suite struct ModelConformanceTests {
    private static let sequences = 150
    private static let steps = 30

    @Test func theModelIsTheStore() async throws {
        let seed = Self.seed()
        try await TestDatabase.with { database in
            var tally = Tally()
            for number in 0..<Self.sequences {
                var sequence = try Sequence(database.client, seed: seed &+ UInt64(number))
                try await sequence.run(steps: Self.steps)
                tally.add(sequence.tally)
            }
            print("\(tally)")
            // Otherwise the sequences show little.
            for (kind, counts) in tally.kinds {
                // That a job's id is taken already is an error, and ends the sequence.
                #expect(counts.rows > 0 && (counts.none > 0 || kind == "stage"), "\(kind): \(counts)")
            }
            #expect(min(tally.passedBy, tally.waited) > Self.sequences / 15, "\(tally)")
        }
    }

    /// A guard that one of them lacks shows. Without SKIP LOCKED the model would wait for what PostgreSQL does not; a lease
    /// that outlasts `run_at` is what only an event leaves, and `GuardTests` makes one.
    @Test(arguments: [
        Guards.fence, .recoveryPoint, .direction, .notDone, .due, .recheck, .reaperDone, .reaperExpiry,
        .attemptAtClaim, .renewal, .attemptsRise, .parkEndsHold,
    ])
    func aGuardThatIsMissingShows(missing: Guards) async throws {
        let seed = Self.seed()
        try await TestDatabase.with { database in
            await withKnownIssue {
                for number in 0..<Self.sequences {
                    var sequence = try Sequence(
                        database.client, seed: seed &+ UInt64(number), guards: Guards.all.subtracting(missing))
                    try await sequence.run(steps: Self.steps)
                }
            }
        }
    }

    private static func seed(_ test: String = #function) -> UInt64 {
        let given = ProcessInfo.processInfo.environment["WAYMARK_TEST_SEED"].flatMap { UInt64($0) }
        let seed = given ?? .random(in: 0..<1 << 32)
        print("\(test): WAYMARK_TEST_SEED=\(seed)")
        return seed
    }

    /// How often each kind of statement found a row, and none.
    struct Tally: CustomStringConvertible {
        var kinds: [String: (rows: Int, none: Int)] = [:]
        /// Statements beside an open transaction that did not wait for it, and that did.
        var passedBy = 0
        var waited = 0

        mutating func count(_ statement: Statement, _ rows: Int) {
            let kind = statement.kind
            if rows > 0 { kinds[kind, default: (0, 0)].rows += 1 } else { kinds[kind, default: (0, 0)].none += 1 }
        }

        mutating func add(_ other: Tally) {
            kinds.merge(other.kinds) { ($0.rows + $1.rows, $0.none + $1.none) }
            passedBy += other.passedBy
            waited += other.waited
        }

        var description: String {
            let kinds = kinds.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value.rows)/\($0.value.none)" }
            return "\(kinds.joined(separator: ", ")); passed by \(passedBy), waited \(waited)"
        }
    }
}

extension Statement {
    fileprivate var isOfJobs: Bool {
        switch self {
        case .stage, .claimJobs, .acknowledge, .retryJob, .giveBackJob, .bury: true
        default: false
        }
    }

    fileprivate var kind: String {
        switch self {
        case .write(_, _, _, _, let change): "\(change)".prefix { $0 != "(" }.description
        default: "\(self)".prefix { $0 != "(" && $0 != " " }.description
        }
    }
}

/// One sequence, on a model and on the tables.
private struct Sequence {
    private let real: RealStore
    private var model: ModelStore
    private var author: StatementAuthor
    private var requests: [UUID: AcceptedRequest] = [:]
    private let seed: UInt64
    private var told: [String] = []
    var tally = ModelConformanceTests.Tally()

    init(_ client: PostgresClient, seed: UInt64, guards: Guards = .all) throws {
        self.seed = seed
        real = RealStore(client: client)
        var random = SeededGenerator(seed: seed)
        model = ModelStore(
            guards: guards, lease: RealStore.lease * 1_000_000, retention: RealStore.retention * 1_000_000,
            jobLease: RealStore.jobLease * 1_000_000, random: SeededGenerator(seed: random.next()))
        author = StatementAuthor(random: SeededGenerator(seed: random.next()))
    }

    mutating func run(steps: Int) async throws {
        try await real.clear()
        for _ in 0..<steps {
            switch Int.random(in: 0..<10, using: &author.random) {
            case 0, 1: try await age()
            case 2: try await two()
            default: try await one()
            }
            let (rows, modelled) = (try await real.rows(), model.rows())
            try #require(rows == modelled, note)
        }
    }

    private var note: Comment { "seed \(seed): \(told.suffix(8))" }

    private mutating func age() async throws {
        let seconds = [1, 4, 16, 70].randomElement(using: &author.random) ?? 1
        told.append("\(seconds) s pass")
        try await real.age(seconds: seconds)
        model.age(by: seconds * 1_000_000)
    }

    private mutating func next() throws -> Statement {
        var made: [AcceptedRequest] = []
        let statement = try author.statement(model) { number in
            let request = try AcceptedRequest(
                saga: RealStore.saga, version: 1, request: StepValue(value: 1, json: "\(number)"),
                key: IdempotencyKey("c\(number)"),
                scope: Scope("conformance"))
            made.append(request)
            return NewKey(context: request.context, fence: request.context.firstFence)
        }
        for request in made { requests[request.context.incarnation] = request }
        return statement
    }

    /// A statement in a transaction of its own.
    private mutating func one() async throws {
        let statement = try next()
        told.append("\(statement)")
        let (real, requests) = (real, requests)
        let (now, answer) = try await real.client.withTransaction { transaction in
            (try await real.now(in: transaction), try await real.execute(statement, requests, in: transaction))
        }
        let opened = model.begin(at: now)
        try compare(model.execute(statement, in: opened), answer, in: opened)
        model.commit(opened)
        tally.count(statement, answer.rows)
    }

    /// A statement beside a transaction that is open, and is then committed or rolled back: one that would wait for it waits
    /// in both stores, and finds in both what it left.
    private mutating func two() async throws {
        let (first, second) = (try next(), try next())
        // Jobs are only written to by single statements.
        if first.isOfJobs || second.isOfJobs { return }
        let commits = !author.chance(3)
        told.append("\(first), \(commits ? "committed" : "rolled back") after \(second)")
        let before = OpenStatement(first, requests, on: real)
        let opened = model.begin(at: await before.startedAt() ?? 0)
        let answer = await before.answer()
        try compare(model.execute(first, in: opened), answer, in: opened)

        let beside = OpenStatement(second, requests, on: real)
        let other = model.begin(at: await beside.startedAt() ?? 0)
        let execution = model.execute(second, in: other)
        guard case .blocked(_, let saw) = execution else {
            try compare(execution, await beside.answer(), in: other)
            try await beside.end(commits: true)
            model.commit(other)
            try await before.end(commits: commits)
            if commits { model.commit(opened) } else { model.rollBack(opened) }
            tally.passedBy += 1
            return
        }
        let client = real.client
        try await eventually("the second statement waits") { try await Self.isWaiting(client) }
        try await before.end(commits: commits)
        if commits { model.commit(opened) } else { model.rollBack(opened) }
        let besides = await beside.answer()
        try compare(model.execute(second, in: other, saw: saw), besides, in: other)
        try await beside.end(commits: true)
        model.commit(other)
        tally.waited += 1
    }

    /// Compares what both gave; where they claimed, the model goes on with the fences that were really drawn.
    private mutating func compare(
        _ execution: ModelStore.Execution, _ answer: RealStore.Answer?, in transaction: ModelStore.TransactionID
    ) throws {
        guard case .rows(let modelled) = execution else {
            Issue.record("waits on the model alone; \(note)")
            return
        }
        try #require(answer?.rows == modelled.count, note)
        for (id, fence) in answer?.fences ?? [:] {
            let isClaims = model.adopt(fence, of: id, in: transaction)
            try #require(isClaims, "no claim comes to fence \(fence); \(note)")
        }
    }

    private static func isWaiting(_ client: PostgresClient) async throws -> Bool {
        let waiting = try await client.query(
            "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")
        return !waiting.isEmpty
    }
}
