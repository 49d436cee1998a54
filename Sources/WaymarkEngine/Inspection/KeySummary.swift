public import Foundation

/// A key as people look at it.
public struct KeySummary: Codable, Sendable, Hashable {
    /// What a key is doing.
    public enum State: String, Codable, Sendable, CaseIterable {
        /// A runner holds it.
        case running
        /// Nobody holds it, and its time has come: a completionist will take it.
        case due
        /// Nobody holds it until its backoff is over.
        case waiting
        /// It waits for a person.
        case parked
        case finished
        case rejected
    }

    public let id: UUID
    public let scope: String
    public let key: String
    public let saga: String
    public let recoveryPoint: String
    public let state: State
    /// Attempts at the step behind the recovery point.
    public let attempts: Int
    public let createdAt: Date
    /// When it was accepted, or its last recovery point committed.
    public let progressedAt: Date
}

/// Everything about one key, its request and outputs only where asked for.
public struct KeyDetails: Codable, Sendable, Hashable {
    /// A finished step.
    public struct Entry: Codable, Sendable, Hashable {
        public let step: String
        public let at: String
        public let attempt: Int
        /// Which process committed it.
        public let by: String
        /// What the step returned, as JSON; nil where values were not asked for.
        public let output: String?
    }

    public let summary: KeySummary
    public let sagaVersion: Int
    public let direction: String
    public let fence: Int
    public let lockedBy: String?
    /// Seconds left of the lease; nil when there is none.
    public let leaseSeconds: Double?
    /// Seconds until a completionist may take it; nil when parked or done.
    public let dueSeconds: Double?
    public let lastError: String?
    public let parkedReason: String?
    public let responseStatus: Int?
    public let journal: [Entry]
    /// As JSON; nil where values were not asked for.
    public let request: String?
    public let response: String?
}
