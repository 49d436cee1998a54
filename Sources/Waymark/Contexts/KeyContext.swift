public import Foundation

/// Which request a step is working for.
///
/// A class, since everything that is done for a request carries it.
public final class KeyContext: Sendable {
    /// The row's id: derived from scope and key, so the same for every attempt, and also for a later request with this key,
    /// once the row was removed: see `incarnation`.
    public let id: UUID
    public let scope: Scope
    public let key: IdempotencyKey
    /// The stored name of the saga.
    public let saga: String
    /// A random number drawn when the request was accepted, the same for every attempt. A key that was reaped or evicted, and
    /// is accepted anew, has the old `id` and another incarnation: it is a new operation, to foreign systems and to tables of
    /// yours. So what must be there once per request is unique by `id` and `incarnation`, and never by `id` alone.
    public let incarnation: UUID

    /// The fence that the request is accepted with; the last three digits count the claims. No two requests that had the same
    /// key one after the other begin alike: a holder that was frozen while its key was reaped or evicted, and accepted
    /// anew, has a fence that the new row never had.
    package var firstFence: Int {
        let bytes = incarnation.uuid
        let drawn = [bytes.0, bytes.1, bytes.2, bytes.3].reduce(0) { $0 << 8 | Int($1) }
        return drawn * 1000 + 1
    }

    package init(id: UUID, scope: Scope, key: IdempotencyKey, saga: String, incarnation: UUID) {
        self.id = id
        self.scope = scope
        self.key = key
        self.saga = saga
        self.incarnation = incarnation
    }
}

extension KeyContext: Hashable {
    public static func == (one: KeyContext, other: KeyContext) -> Bool {
        one.id == other.id && one.incarnation == other.incarnation && one.scope == other.scope
            && one.key == other.key && one.saga == other.saga
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(id)
        hasher.combine(incarnation)
    }
}
