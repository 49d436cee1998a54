public import Waymark

/// Who is asking, as authentication found out.
public protocol Principal: Sendable {
    /// Who owns the idempotency keys that this caller sends: the tenant or the user.
    var scope: Scope { get }
}
