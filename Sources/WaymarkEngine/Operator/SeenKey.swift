public import Foundation

/// A key as an operator saw it: a verb acts on it only while it is still like this.
public struct SeenKey: Decodable, Sendable, Hashable {
    public let id: UUID
    public let scope: String
    public let key: String
    public let saga: String
    let incarnation: UUID
    public let recoveryPoint: String
    public let direction: String
    public let fence: Int
    public let parkedReason: String?
    public let done: Bool
}
