import Foundation
import Waymark

/// A key as a verb finds it, locked, with what it decides by.
struct OperatedRow: Decodable, Sendable {
    let id: UUID
    let saga: String
    let recoveryPoint: String
    let direction: String
    let fence: Int
    let attempts: Int
    let journal: String
    let branches: [String: BranchState]
    /// The names of what was delivered to it.
    let events: [String]
    let lastError: String?
    let parkedReason: String?
    let parentEvent: String?
    let done: Bool
    let isHeld: Bool
    let isDue: Bool
    /// Whether its next step may have made a call of which nobody knows the outcome: its last holder did not give it back, or
    /// gave it back and said so.
    let isInDoubt: Bool
    let before: AuditEntry.State

    func requireUnfinished() throws {
        if done { throw OperatorError(.refused, "it has its answer") }
    }

    /// - Parameter takingOver: whether the verb takes the key from its holder.
    func requireFree(unless takingOver: Bool) throws {
        if isHeld, !takingOver { throw OperatorError(.refused, "somebody is working on it: take it over") }
    }

    func requireParked() throws {
        try requireUnfinished()
        if parkedReason == nil { throw OperatorError(.refused, "it is not parked") }
    }
}
