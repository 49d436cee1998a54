public import Foundation
public import PostgresPQ
import Waymark

/// What a person does to keys: each verb in one transaction that also leaves an `AuditEntry`.
///
/// ```swift
/// let keys = KeyOperator(postgres: client, sagas: registry, actor: "anna")
/// if let key = try await keys.find(id) {
///     try await keys.retry(key, reason: "the bank is back")
/// }
/// ```
///
/// A verb acts on a key only as it was seen, unless it takes the key over; it fences off whoever holds the key, gives it all
/// its attempts again and makes it due, so that a completionist goes on. Every verb throws `OperatorError`: `moved` when the
/// key is not as it was seen any more, `refused` when its state is not one the verb is for. Whatever is thrown, nothing was
/// changed.
public struct KeyOperator: Sendable {
    let postgres: PostgresClient
    let sagas: SagaRegistry
    let schema: SchemaName
    let statements: KeyStatements
    let operating: OperatorStatements
    let actor: String
    let isDryRun: Bool

    /// - Parameters:
    ///   - sagas: those whose keys can be resolved, rejected and compensated; the other verbs need none.
    ///   - retention: how long an answer that a verb comes to is kept.
    ///   - actor: who does it, for the audit trail and the journal.
    ///   - isDryRun: whether everything is only tried, and taken back.
    public init(
        postgres: PostgresClient, sagas: SagaRegistry, schema: SchemaName = .waymark,
        retention: Duration = EngineConfiguration().retention, actor: String, isDryRun: Bool = false
    ) {
        self.postgres = postgres
        self.sagas = sagas
        self.schema = schema
        self.actor = actor
        self.isDryRun = isDryRun
        statements = KeyStatements(schema: schema, holder: actor, lease: .zero, retention: retention)
        operating = OperatorStatements(schema: schema)
    }

    /// One key by its id; nil when there is none.
    public func find(_ id: UUID) async throws -> SeenKey? {
        try await postgres.query(operating.see(id)).first?.decode(SeenKey.self)
    }

    /// Keys as `KeyInspector.list` finds them.
    public func find(_ filter: KeyInspector.Filter) async throws -> [SeenKey] {
        try await KeyInspector(postgres: postgres, schema: schema).rows(OperatorStatements.seenColumns, filter)
            .map { try $0.decode(SeenKey.self) }
    }

    /// Has a parked key, and every parked branch of it, tried again.
    ///
    /// Refused for `outcome_unknown` and `horizon_passed`: it would only park again, so somebody must say whether the call
    /// happened (`resolve`).
    @discardableResult
    public func retry(_ key: SeenKey, reason: String) async throws -> AuditEntry {
        try await operate("retry", on: key, reason: reason) { row in
            try row.requireParked()
            for reason in [row.parkedReason] + row.branches.values.map(\.parked) {
                switch reason.flatMap(ParkedReason.init) {
                case .outcomeUnknown, .horizonPassed:
                    throw OperatorError(.refused, "whether its call happened is not known: resolve it")
                default: continue
                }
            }
            return Change(
                branches: row.branches.mapValues { branch in
                    guard branch.parked != nil else { return branch }
                    var branch = branch
                    (branch.parked, branch.attempts) = (nil, 1)
                    return branch
                })
        }
    }

    /// Breaks the lease of a key that is held, or ends the backoff of one that is not.
    ///
    /// Refused for keys that are parked or done, due already, or asleep or waiting for something that is yet to come.
    @discardableResult
    public func release(_ key: SeenKey, reason: String) async throws -> AuditEntry {
        try await operate("release", on: key, reason: reason) { row in
            try row.requireUnfinished()
            if row.parkedReason != nil { throw OperatorError(.refused, "it is parked: retry, resolve or reject it") }
            if row.isHeld { return Change() }
            switch RecoveryPoint(row.recoveryPoint).stage {
            case .asleep, .waiting: throw OperatorError(.refused, "there is no backoff to end: its time has not come")
            default: break
            }
            if row.isDue { throw OperatorError(.refused, "nobody holds it, and it is due") }
            return Change(
                branches: row.branches.mapValues { branch in
                    var branch = branch
                    branch.due = nil
                    return branch
                })
        }
    }

    /// Removes a finished key and its answer, so that a repeat of the request executes anew. What it did is not undone.
    @discardableResult
    public func evict(_ key: SeenKey, reason: String) async throws -> AuditEntry {
        try await operate("evict", on: key, reason: reason) { row in
            if !row.done { throw OperatorError(.refused, "it has no answer yet") }
            return Change(removes: true)
        }
    }
}
