import Foundation
import PostgresPQ
import Waymark

/// How a saga's request stands that another one waits for.
struct ChildState: Sendable {
    /// The request that waits for it, and its step.
    let parentID: UUID
    let step: String
    let id: UUID
    /// Nil where its row was removed.
    let saga: String?
    let isDone: Bool
    let parkedReason: String?

    init(_ row: PostgresRow) throws {
        (parentID, step, id, saga, isDone, parkedReason) = try row.decode(
            (UUID, String, UUID, String?, Bool, String?).self)
    }

    var parked: ParkedChild? {
        guard !isDone, let saga, let parkedReason else { return nil }
        return ParkedChild(id: id, saga: saga, reason: ParkedReason(rawValue: parkedReason) ?? .unreadableState)
    }
}

extension KeyStatements {
    /// Reads the children that keys have started: see `ChildState`. A lookup per key, for the reason that `observe` gives.
    func children(of ids: [UUID]) -> PostgresQuery { Self.children(of: ids, in: keys) }

    static func children(of ids: [UUID], in keys: String) -> PostgresQuery {
        """
        SELECT parent.id, split_part(entry ->> 'step', ':', 1) || substring(entry ->> 'step' FROM '\\[[0-9]+\\]$|$'),
            started.id, child.saga, coalesce(child.done, false), child.parked_reason
        FROM unnest((SELECT \(ids)::uuid[])) AS wanted (key_id)
            CROSS JOIN LATERAL (SELECT * FROM \(unescaped: keys) WHERE id = wanted.key_id OFFSET 0) AS parent
            CROSS JOIN LATERAL jsonb_array_elements(parent.journal) AS entry
            CROSS JOIN LATERAL (
                SELECT CASE WHEN entry ->> 'step' LIKE '%:waiting%' THEN (entry ->> 'output')::uuid END AS id
            ) AS started
            LEFT JOIN LATERAL (SELECT * FROM \(unescaped: keys) WHERE id = started.id OFFSET 0) AS child ON true
        WHERE started.id IS NOT NULL
        """
    }
}
