public import Foundation

/// A key as people look at it.
public struct KeySummary: Codable, Sendable, Hashable {
    /// What a key is doing.
    public enum State: String, Codable, Sendable, CaseIterable {
        /// A runner holds it.
        case running
        /// Nobody holds it, and its time has come: a completionist will take it.
        case due
        /// Nobody holds it until a sleep is over, or what a step waits for has come.
        case waiting
        /// Nobody holds it until the next attempt is due.
        case backoff
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
    /// Seconds until a completionist may take it, zero and less when it is due; nil when parked or done, or when its time
    /// never comes.
    public let dueSeconds: Double?
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

    /// One branch of a Parallel, or element of a ForEach, that is under way.
    public struct Branch: Codable, Sendable, Hashable {
        /// What the declaration calls the branch; the number of an element, from 0.
        public let name: String
        /// Its last committed recovery point.
        public let point: String
        /// Attempts at the step behind the point.
        public let attempts: Int
        /// Seconds until it has something to do; nil when that is now, or when it is parked or done.
        public let dueSeconds: Double?
        /// The event that it waits for.
        public let event: String?
        public let parkedReason: String?
        /// The status of the rejection that it came to.
        public let rejectedStatus: Int?
    }

    /// An event that was delivered, a child's answer, or that the time for one is over.
    public struct Event: Codable, Sendable, Hashable {
        /// The step that waits for it; of a ForEach with the element.
        public let name: String
        /// When, as the database writes it.
        public let at: String
        /// Whether the step went on without one.
        public let isTimeout: Bool
        /// As JSON; nil where values were not asked for.
        public let payload: String?
    }

    /// The request whose step waits for this one's answer.
    public struct Parent: Codable, Sendable, Hashable {
        public let id: UUID
        /// The waiting step; of a ForEach with the element.
        public let step: String
    }

    /// A request of another saga that a step has started, and whose answer it waits for or has got.
    public struct Child: Codable, Sendable, Hashable {
        /// The step; of a ForEach with the element.
        public let step: String
        public let id: UUID
        /// Nil where its key was removed.
        public let saga: String?
        public let isDone: Bool
        public let parkedReason: String?
    }

    public let summary: KeySummary
    public let parent: Parent?
    /// In the order in which they were started.
    public let children: [Child]
    public let sagaVersion: Int
    public let direction: String
    public let fence: Int
    public let lockedBy: String?
    /// Seconds left of the lease; nil when there is none.
    public let leaseSeconds: Double?
    public let lastError: String?
    public let parkedReason: String?
    public let responseStatus: Int?
    public let journal: [Entry]
    /// The branches of the group that it is in, in their order; empty when it is in none.
    public let branches: [Branch]
    /// What arrived from outside, by name.
    public let events: [Event]
    /// As JSON; nil where values were not asked for.
    public let request: String?
    public let response: String?
    /// What people did to it, the earliest first.
    public let audit: [AuditEntry]
}
