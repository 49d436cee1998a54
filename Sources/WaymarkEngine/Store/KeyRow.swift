import Foundation
import PostgresPQ
import Waymark

/// A key as a runner got it with its claim: the columns of `KeyStatements.claimedColumns`, in order.
struct ClaimedRow: Sendable {
    let context: KeyContext
    let request: String
    let state: RunState
    let journal: String
    let fence: Int
    /// The rejection that the compensations lead to.
    let pendingAnswer: StoredAnswer?
    /// How long ago, at the claim and by the database's clock, the recovery point was committed.
    let sincePoint: Duration

    init(_ row: PostgresRow) throws {
        typealias Columns = (
            UUID, String, String, UUID, String, String, String, String, String, Int, Int, Int?, String?, Double
        )
        let (
            id, scope, key, incarnation, saga, request, point, direction, journal, fence, attempts, status, body,
            sincePoint
        ) = try row.decode(Columns.self)
        context = KeyContext(
            id: id, scope: try Scope(scope), key: try IdempotencyKey(key), saga: saga, incarnation: incarnation)
        self.request = request
        state = RunState(
            direction: direction == Direction.compensating.rawValue ? .compensating : .forward,
            recoveryPoint: point, attempts: attempts)
        self.journal = journal
        self.fence = fence
        pendingAnswer = StoredAnswer(status: status, body: body)
        self.sincePoint = .seconds(sincePoint)
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

/// A key as anybody can read it, without holding it.
struct ObservedRow: Sendable {
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
    /// Until the lease lapses or the backoff ends; nil when parked or done.
    let secondsUntilDue: Double?

    init(_ row: PostgresRow) throws {
        typealias Columns = (
            UUID, String, String, String, Data, String, Int, Bool, Int?, String?, String?, Bool, Double?
        )
        let status: Int?
        let body: String?
        (
            incarnation, scope, key, saga, fingerprint, recoveryPoint, fence, done, status, body, parkedReason, leased,
            secondsUntilDue
        ) = try row.decode(Columns.self)
        answer = StoredAnswer(status: status, body: body)
    }
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
