import Foundation
import PostgresPQ
import Waymark

/// Counter increment: here it commits with the recovery point, elsewhere it is an entry under an id.
///
/// **Problem.** `points + 5` done twice is 10, and no look at a counter tells whether our 5 are in it.
///
/// **Pattern.** Our own counter is changed by a phase: the change and the recovery point are one commit, so it happens
/// exactly once, and needs no trick. A foreign counter is not told "plus 5" but given an entry, "5, under this id": it
/// keeps one entry per id, and its value is their sum. `call.idempotencyKey` is such an id.
///
/// **Use it when** many write to one value: points, stock, balances, usage. Entries can also be added up by us, in a table
/// with the id as its primary key and `ON CONFLICT DO NOTHING`.
///
/// **It fails when** the foreign counter knows only "plus n": use its idempotency keys (`.keyed`), or read and set where
/// nobody else writes (see `RaiseQuota`). Compare-and-set with the recorded reading is no way out: the repeat of a write
/// whose answer was lost is refused just as one that somebody else was faster than. A counter of our own that every
/// request increments makes them wait for each other until COMMIT: insert entries there too, and add up when reading. And
/// a key that comes again after it was reaped is a new increment: where that must not be, the request names the entry.
struct AddPoints: Saga {
    static let name = "add-points"
    let partner: any PartnerCounter

    static let schema = """
        CREATE SCHEMA IF NOT EXISTS patterns;
        CREATE TABLE IF NOT EXISTS patterns.members (
            id     uuid PRIMARY KEY,
            points bigint NOT NULL DEFAULT 0
        );
        """

    var body: some Step<EarnedPoints, PointsBalance> {
        AtomicPhase("points_added", add)
        ForeignCall("partner_told", .natural, tellPartner)
    }

    func add(_ earned: EarnedPoints, _ tx: Transaction) async throws -> PointsBalance {
        let rows = try await tx.query(
            """
            UPDATE patterns.members SET points = points + \(earned.points)
            WHERE id = \(earned.member) RETURNING points
            """)
        guard let balance = try rows.decode(Int.self).first else {
            throw Rejection(status: 404, type: "no_such_member", title: "There is no such member.")
        }
        return PointsBalance(earned: earned, balance: balance)
    }

    func tellPartner(_ balance: PointsBalance, _ call: Call) async throws -> PointsBalance {
        try await partner.add(
            points: balance.earned.points, to: balance.earned.member, entry: call.idempotencyKey)
        return balance
    }
}

/// A partner that counts our members' points as well.
protocol PartnerCounter: Sendable {
    /// Sees to it that the member's counter has this entry; one that is there already is a success.
    /// - Parameter entry: the same for every repeat of this increment.
    func add(points: Int, to member: UUID, entry: String) async throws
}

/// The request.
struct EarnedPoints: Codable, Sendable {
    let member: UUID
    let points: Int
}

/// The response.
struct PointsBalance: Codable, Sendable {
    let earned: EarnedPoints
    /// All points of the member, these included.
    let balance: Int
}
