import Foundation
import Waymark

/// A request on its way into the table.
struct AcceptedRequest: Sendable {
    private(set) var context: KeyContext
    let sagaVersion: Int
    let json: String
    let fingerprint: Fingerprint

    /// - Parameter id: the row's id, where it is not the one of scope and key.
    /// - Throws: `WaymarkError` (`invalidJSON`) when the request's text is not strict JSON.
    init(
        saga: String, version: Int, json: String, key: IdempotencyKey, scope: Scope, id: UUID? = nil
    ) throws {
        context = KeyContext(
            id: id ?? KeyIdentity.rowID(scope: scope, key: key), scope: scope, key: key, saga: saga, incarnation: UUID()
        )
        sagaVersion = version
        self.json = json
        fingerprint = try Fingerprint(json: json)
    }

    /// The same request with an incarnation of its own.
    func asAnotherOperation() -> AcceptedRequest {
        var copy = self
        copy.context = KeyContext(
            id: context.id, scope: context.scope, key: context.key, saga: context.saga, incarnation: UUID())
        return copy
    }
}
