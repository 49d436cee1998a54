import Foundation
import Waymark

/// How a request to the database failed, for whoever sent it.
enum DatabaseFailure: Error {
    /// The connection went away: what was sent was executed, or not, or will be.
    case connectionLost
    /// A guard found no row, and divided by it.
    case guardFailed
    /// 40001.
    case conflict
    /// The wait for a lock was bounded.
    case lockTimeout
    /// A row with this primary key is there.
    case duplicate
}

/// The database server: executes what arrives, one statement an event, and makes writers wait for each other.
final class Server {
    unowned var world: World!
    private(set) var store: ModelStore
    /// What waits for the end of a transaction.
    private var waiting: [ModelStore.TransactionID: [() -> Void]] = [:]

    init(store: ModelStore) { self.store = store }

    /// What a session was sent in one go.
    struct Batch {
        let statements: [Statement]
        /// Whether the statements are a transaction by themselves, or a part of the session's.
        var isAlone = true
        var commits = false
        /// Whether a write that finds no row fails the transaction.
        var failsWithoutRow = false
        /// How long a statement may wait for a lock; nil for as long as it takes.
        var lockWait: Microseconds?
    }

    typealias Outcome = Result<[Rows], DatabaseFailure>

    func execute(_ batch: Batch, on session: Session, _ completion: @escaping (Outcome) -> Void) {
        if session.isClosed { return completion(.failure(.connectionLost)) }
        session.command += 1
        if session.transaction == nil { session.transaction = store.begin(at: world.now) }
        advance(Execution(batch: batch, session: session, completion: completion))
    }

    /// A batch on its way.
    private final class Execution {
        let batch: Batch
        let session: Session
        let completion: (Outcome) -> Void
        var rows: [Rows] = []
        var saw: ModelKey?
        var waitsSince: Microseconds?

        init(batch: Batch, session: Session, completion: @escaping (Outcome) -> Void) {
            self.batch = batch
            self.session = session
            self.completion = completion
        }
    }

    private func advance(_ execution: Execution) {
        let session = execution.session
        guard let transaction = session.transaction else { return execution.completion(.failure(.connectionLost)) }
        if execution.rows.count == execution.batch.statements.count { return conclude(execution, transaction) }
        let statement = execution.batch.statements[execution.rows.count]
        switch store.execute(statement, in: transaction, saw: execution.saw) {
        case .blocked(let owner, let saw):
            wait(execution, statement, for: owner, saw: saw)
        case .rows(let rows):
            execution.saw = nil
            execution.waitsSince = nil
            session.watch(statement, rows)
            if let failure = failure(of: statement, rows, execution.batch) { return fail(execution, failure) }
            execution.rows.append(rows)
            if execution.batch.statements.count == 1, !execution.batch.commits {
                return conclude(execution, transaction)
            }
            world.after(world.random.below(800)) { self.advance(execution) }
        }
    }

    private func failure(of statement: Statement, _ rows: Rows, _ batch: Batch) -> DatabaseFailure? {
        guard rows.count == 0 else { return nil }
        switch statement {
        case .write where batch.failsWithoutRow, .accept where batch.failsWithoutRow: return .guardFailed
        case .stage: return .duplicate
        default: return nil
        }
    }

    private func wait(_ execution: Execution, _ statement: Statement, for owner: Int, saw: ModelKey?) {
        world.tally.lockWaits += 1
        world.note("server: \(statement) waits for a lock")
        if case .claimDue = statement { world.checker.fail("a completionist's claim waited for a row lock") }
        execution.saw = saw
        execution.waitsSince = execution.waitsSince ?? world.now
        var isOver = false
        waiting[owner, default: []].append {
            if isOver { return }
            isOver = true
            self.advance(execution)
        }
        guard let patience = execution.batch.lockWait else { return }
        world.after(patience) {
            if isOver { return }
            isOver = true
            self.fail(execution, .lockTimeout)
        }
    }

    private func conclude(_ execution: Execution, _ transaction: ModelStore.TransactionID) {
        let (session, batch) = (execution.session, execution.batch)
        if batch.commits {
            // Between the update and the end of COMMIT others wait for the row.
            world.after(world.random.below(4_000)) {
                if session.transaction == transaction { self.commit(session) }
                execution.completion(.success(execution.rows))
            }
        } else {
            if batch.isAlone { commit(session) } else { session.waitIdle(in: world) }
            execution.completion(.success(execution.rows))
        }
    }

    private func fail(_ execution: Execution, _ failure: DatabaseFailure) {
        rollBack(execution.session)
        execution.completion(.failure(failure))
    }

    private func commit(_ session: Session) {
        guard let transaction = session.transaction else { return }
        session.transaction = nil
        for transition in store.commit(transaction) { world.checker.observe(transition, at: world.now) }
        session.committed(in: world)
        release(transaction)
    }

    func rollBack(_ session: Session) {
        guard let transaction = session.transaction else { return }
        session.transaction = nil
        session.forget()
        store.rollBack(transaction)
        release(transaction)
    }

    private func release(_ transaction: ModelStore.TransactionID) {
        for waiter in waiting.removeValue(forKey: transaction) ?? [] { world.after(0, waiter) }
    }

    /// Whether every key has its answer or is parked, and every job is delivered.
    var isAtRest: Bool {
        store.keys.values.allSatisfy { $0.done || $0.parkedReason != nil } && store.jobs.values.allSatisfy(\.dead)
            && store.isQuiet
    }

    /// For a failure: what is still to be done.
    var unfinished: String {
        let keys = store.keys.values.filter { !$0.done && $0.parkedReason == nil }.map {
            "\($0.context.key) at \($0.recoveryPoint), attempts \($0.attempts), due \($0.runAt / .milliseconds) ms"
        }
        return "\(keys.sorted()), \(store.jobs.count) jobs"
    }
}

extension RandomNumberGenerator {
    /// A delay from zero up.
    mutating func below(_ bound: Microseconds) -> Microseconds { Int.random(in: 0..<bound, using: &self) }
}
