public import Foundation

/// What a person did to a key, with the key's state before and after. It outlives the key.
public struct AuditEntry: Codable, Sendable, Hashable {
    /// A key without its values: neither request nor outputs nor the answer's body.
    public struct State: Codable, Sendable, Hashable {
        /// One branch of the group that the key is in.
        public struct Branch: Codable, Sendable, Hashable {
            public let point: String
            public let parked: String?
        }

        /// The recovery point.
        public let point: String
        public let direction: String
        public let fence: Int
        public let attempts: Int
        /// Why it was parked.
        public let parked: String?
        /// The last error.
        public let error: String?
        public let branches: [String: Branch]
        public let done: Bool
        /// The status of its answer, or of the rejection that is to be its answer.
        public let status: Int?
    }

    public let id: UUID
    public let keyID: UUID
    public let at: Date
    public let actor: String
    public let verb: String
    public let reason: String
    public let before: State
    /// Nil where the key was removed.
    public let after: State?
}
