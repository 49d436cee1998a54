package import Foundation
package import Waymark

/// A row of the key table. Times are microseconds of the database's clock, as exact as its own.
package struct ModelKey: Sendable, Equatable {
    package let context: KeyContext
    package var recoveryPoint = SagaDeclaration.started
    package var direction = Direction.forward
    package var progressedAt: Int
    /// The entries, as JSON without their times.
    package var journal: [String] = []
    package var fence: Int
    package var lockedBy: String?
    package var lockedAt: Int?
    package var leaseUntil: Int
    package var attempts = 1
    package var deaths = 0
    /// `infinity` for a parked key.
    package var runAt: Int
    package var lastError: String?
    package var parkedReason: ParkedReason?
    /// Where a call was made of which nobody knows the outcome.
    package var doubtfulPoint: String?
    package var answer: ModelAnswer?
    package var done = false
    package var finishedAt: Int?
    package var expiresAt: Int?

    package static let infinity = Int.max

    package var id: UUID { context.id }

    /// Whether an earlier attempt at the next step may have made a call of which nobody knows the outcome.
    package var isInDoubt: Bool { deaths > 0 || doubtfulPoint == recoveryPoint }

    package init(_ new: NewKey, lease: Int, holder: String?, at now: Int) {
        context = new.context
        progressedAt = now
        fence = new.fence
        leaseUntil = now + lease
        runAt = now + lease
        lockedBy = holder
        lockedAt = holder == nil ? nil : now
        attempts = holder == nil ? 0 : 1
    }
}

/// A request on its way into the table.
package struct NewKey: Sendable {
    package let context: KeyContext
    /// The fence it is accepted with.
    package let fence: Int
    /// What its first step came to, where that commits with it.
    package var first: Statement.Change?

    package init(context: KeyContext, fence: Int) {
        self.context = context
        self.fence = fence
    }
}

/// The one answer, or the rejection that compensations lead to.
package struct ModelAnswer: Sendable, Equatable {
    package let status: Int
    package let body: String

    /// A finished saga's status.
    package static let successStatus = 200

    package init(status: Int, body: String) {
        self.status = status
        self.body = body
    }
}

/// A row of the job table.
package struct ModelJob: Sendable, Equatable {
    package let id: UUID
    package let keyID: UUID
    package let position: Int
    /// Where it was staged: for invariants, not a column.
    package let origin: Origin
    package let lane: String
    package var runAt: Int
    package var dueAt: Int
    package var fence = 0
    package var attempts = 0
    package var dead = false
    package var createdAt: Int

    /// What a derived id is derived from.
    package struct Origin: Sendable, Hashable {
        package let incarnation: UUID
        package let point: String
        package let position: Int

        package init(incarnation: UUID, point: String, position: Int) {
            self.incarnation = incarnation
            self.point = point
            self.position = position
        }
    }

    package init(
        id: UUID, keyID: UUID, position: Int, origin: Origin, lane: String, at due: Int, createdAt now: Int
    ) {
        self.id = id
        self.keyID = keyID
        self.position = position
        self.origin = origin
        self.lane = lane
        runAt = due
        dueAt = due
        createdAt = now
    }
}

/// A row of the application's own table: what a phase did.
package struct Effect: Sendable, Hashable {
    package let incarnation: UUID
    package let step: Int
    package let direction: Direction

    package init(incarnation: UUID, step: Int, direction: Direction) {
        self.incarnation = incarnation
        self.step = step
        self.direction = direction
    }
}
