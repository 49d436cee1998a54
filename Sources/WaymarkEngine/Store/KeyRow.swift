import Foundation
import PostgresPQ
import Waymark

/// A key as a runner got it with its claim: the columns of `KeyStatements.claimedColumns`, in order, and when it was due.
struct ClaimedRow: Sendable {
    let context: KeyContext
    /// The version of the saga that accepted the request.
    let version: Int
    let request: String
    let direction: Direction
    let recoveryPoint: String
    let attempts: Int
    let journal: String
    let branches: String
    let events: String
    let fence: Int
    /// The rejection that the compensations lead to.
    let pendingAnswer: StoredAnswer?
    /// What this key's answer is called by the key that waits for it.
    let parentEvent: String?
    /// How long ago, at the claim and by the database's clock, the recovery point was committed.
    let sincePoint: Duration
    /// The database's clock at the claim, in seconds since 1970.
    let claimedAt: Double
    /// Whether an earlier attempt at the next step may have made a call whose outcome is not known: its holder did not give
    /// the key back, or gave it back and said so.
    let isInDoubt: Bool
    /// How many holders in a row did not give it back.
    let deaths: Int
    /// When it was due, where it was claimed for that, by the same clock.
    let dueAt: Double?

    init(_ row: PostgresRow) throws {
        typealias Columns = (
            UUID, String, String, UUID, String, Int, String, String, String, String, String, String, Int, Int, Int?,
            String?, String?, Double, Double, Int, Bool, Double?
        )
        let (
            id, scope, key, incarnation, saga, version, request, point, direction, journal, branches, events, fence,
            attempts, status, body, parentEvent, sincePoint, claimedAt, deaths, isDoubtful, dueAt
        ) = try row.decode(Columns.self)
        context = KeyContext(
            id: id, scope: try Scope(scope), key: try IdempotencyKey(key), saga: saga, incarnation: incarnation)
        self.version = version
        self.request = request
        self.direction = direction == Direction.compensating.rawValue ? .compensating : .forward
        recoveryPoint = point
        self.attempts = attempts
        self.journal = journal
        self.branches = branches
        self.events = events
        self.fence = fence
        pendingAnswer = StoredAnswer(status: status, body: body)
        self.parentEvent = parentEvent
        self.sincePoint = .seconds(clamping: sincePoint)
        self.claimedAt = claimedAt
        self.deaths = deaths
        isInDoubt = deaths > 0 || isDoubtful
        self.dueAt = dueAt
    }
}

/// The one answer of a finished key.
struct StoredAnswer: Sendable, Equatable {
    let status: Int
    let body: String

    init(status: Int, body: String) {
        self.status = status
        self.body = body
    }

    init?(status: Int?, body: String?) {
        guard let status, let body else { return nil }
        self.init(status: status, body: body)
    }

    /// A finished saga's status; what its HTTP route makes of it is the route's.
    static let successStatus = 200

    var rejection: Rejection? {
        status == Self.successStatus ? nil : Rejection(status: status, json: body)
    }
}

/// A key as anybody can read it, without holding it. A class, since whoever looks for a key waits for it: see `Runner`.
final class ObservedRow: Sendable {
    let id: UUID
    let incarnation: UUID
    let scope: String
    let key: String
    let saga: String
    let fingerprint: Data
    let recoveryPoint: String
    let fence: Int
    let done: Bool
    let answer: StoredAnswer?
    let parkedReason: String?
    let leased: Bool
    /// Until the lease lapses or the backoff ends, which may be infinite; nil when parked or done.
    let secondsUntilDue: Double?
    /// What going on with it needs: see `SagaDeclaration.accepted`.
    let needs: [String]
    /// Whether it only lets time pass, or waits for something: see `KeyStatements.isWaiting`.
    let isWaiting: Bool
    /// Since its recovery point was committed.
    let secondsSincePoint: Double

    init(_ row: PostgresRow) throws {
        typealias Columns = (
            UUID, UUID, String, String, String, Data, String, Int, Bool, Int?, String?, String?, Bool, Double?,
            [String], Bool, Double
        )
        let status: Int?
        let body: String?
        (
            id, incarnation, scope, key, saga, fingerprint, recoveryPoint, fence, done, status, body, parkedReason,
            leased,
            secondsUntilDue, needs, isWaiting, secondsSincePoint
        ) = try row.decode(Columns.self)
        answer = StoredAnswer(status: status, body: body)
    }

    /// Whether something that it waits for may come before it is due.
    var isExpecting: Bool { isWaiting && RecoveryPoint(recoveryPoint).stage != .asleep }

    /// When to ask again for something that may come at any moment: after as long again as it has waited.
    var patience: Duration { max(.seconds(clamping: secondsSincePoint), EngineLimits.runningRetryAfter) }
}

/// Where a key's row stands, for a holder that does not know whether its write was committed.
struct Location: Sendable {
    let incarnation: UUID
    let fence: Int
    let recoveryPoint: String
    let direction: Direction
    let answer: StoredAnswer?
    /// What the last committed step returned, as JSON.
    let lastOutput: String?

    init(_ row: PostgresRow) throws {
        typealias Columns = (UUID, Int, String, String, Int?, String?, String?)
        let direction: String
        let status: Int?
        let body: String?
        (incarnation, fence, recoveryPoint, direction, status, body, lastOutput) = try row.decode(Columns.self)
        self.direction = direction == Direction.compensating.rawValue ? .compensating : .forward
        answer = StoredAnswer(status: status, body: body)
    }
}

extension Location {
    /// Whether what was committed last is this value.
    func holds(_ value: StepValue) -> Bool {
        guard let lastOutput, let stored = try? JSONValue(parsing: lastOutput, depth: JSONCoding.storedDepth),
            let ours = try? JSONValue(parsing: value.json, depth: JSONCoding.storedDepth)
        else { return false }
        return stored.canonical == ours.canonical
    }
}
