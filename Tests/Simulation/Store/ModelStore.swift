package import Foundation
import Waymark
package import WaymarkTesting

/// A model of the tables: rows, the locks of open transactions, and statements with the guards of the real ones at READ
/// COMMITTED. Nothing waits in here: a statement that would is told for whom.
package struct ModelStore {
    package typealias TransactionID = Int

    /// An open transaction.
    struct Open {
        let startedAt: Int
        /// What it wrote; nil where it deleted.
        var keys: [UUID: ModelKey?] = [:]
        var jobs: [UUID: ModelJob] = [:]
        var effects: [Effect] = []
    }

    package enum Execution {
        case rows(Rows)
        /// It has to wait until that transaction ends. What it saw is what its condition was true of.
        case blocked(by: TransactionID, saw: ModelKey?)
    }

    package let guards: Guards
    /// Microseconds.
    let lease: Int
    let retention: Int
    let jobLease: Int
    package private(set) var keys: [UUID: ModelKey] = [:]
    package internal(set) var jobs: [UUID: ModelJob] = [:]
    /// What phases did, as committed.
    package private(set) var effects: [Effect] = []
    var open: [TransactionID: Open] = [:]
    private(set) var locks: [UUID: TransactionID] = [:]
    private var lastTransaction = 0
    /// For what the engine draws in its statements.
    var random: SeededGenerator

    package init(
        guards: Guards = .all, lease: Int, retention: Int, jobLease: Int, random: SeededGenerator
    ) {
        self.guards = guards
        self.lease = lease
        self.retention = retention
        self.jobLease = jobLease
        self.random = random
    }

    /// - Parameter now: what `now()` is until its end.
    package mutating func begin(at now: Int) -> TransactionID {
        lastTransaction += 1
        open[lastTransaction] = Open(startedAt: now)
        return lastTransaction
    }

    /// What a commit did to one key.
    package struct Transition {
        package let before: ModelKey?
        package let after: ModelKey?
    }

    @discardableResult
    package mutating func commit(_ id: TransactionID) -> [Transition] {
        guard let transaction = open.removeValue(forKey: id) else { return [] }
        var transitions: [Transition] = []
        for (key, row) in transaction.keys {
            transitions.append(Transition(before: keys[key], after: row))
            keys[key] = row
        }
        jobs.merge(transaction.jobs) { $1 }
        effects += transaction.effects
        unlock(id)
        return transitions
    }

    package mutating func rollBack(_ id: TransactionID) {
        open[id] = nil
        unlock(id)
    }

    /// Whether no transaction is open.
    var isQuiet: Bool { open.isEmpty }

    private mutating func unlock(_ id: TransactionID) {
        for (key, owner) in locks where owner == id { locks[key] = nil }
    }

    /// Changes what is committed, as an operator at a prompt would.
    package mutating func edit(_ id: UUID, _ body: (inout ModelKey) -> Void) {
        if var row = keys[id] {
            body(&row)
            keys[id] = row
        }
    }

    /// What `transaction` sees of a key.
    func visible(_ id: UUID, to transaction: TransactionID) -> ModelKey? {
        if let own = open[transaction]?.keys[id] { return own }
        return keys[id]
    }

    func isLocked(_ id: UUID, for transaction: TransactionID) -> TransactionID? {
        guard let owner = locks[id], owner != transaction else { return nil }
        return owner
    }

    mutating func put(_ row: ModelKey?, _ id: UUID, _ transaction: TransactionID) {
        locks[id] = transaction
        open[transaction]?.keys[id] = .some(row)
    }

    func now(_ transaction: TransactionID) -> Int { open[transaction]?.startedAt ?? 0 }

    /// Updates a key where `condition` holds of it. As the server does: the condition is asked of what is committed; where
    /// it holds and somebody else is writing the row, that is waited for, and the condition is asked again.
    /// - Parameter saw: what the statement saw before it waited.
    mutating func update(
        _ id: UUID, in transaction: TransactionID, saw: ModelKey? = nil, where condition: (ModelKey) -> Bool,
        _ change: (inout ModelKey) -> Void
    ) -> Execution {
        var row = visible(id, to: transaction)
        if let saw, !guards.contains(.recheck) { row = saw }
        guard var row, condition(row) else { return .rows(Rows()) }
        if let owner = isLocked(id, for: transaction) { return .blocked(by: owner, saw: row) }
        change(&row)
        put(row, id, transaction)
        return .rows(Rows(keys: [row]))
    }
}
