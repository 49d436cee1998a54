import Foundation
import Waymark

/// A request on its way into the table.
struct AcceptedRequest: Sendable {
    private(set) var context: KeyContext
    let sagaVersion: Int
    let json: String
    let fingerprint: Fingerprint

    /// - Parameter id: the row's id, where it is not the one of scope and key.
    init(
        saga: String, version: Int, request: StepValue, key: IdempotencyKey, scope: Scope, id: UUID? = nil
    ) throws {
        context = KeyContext(
            id: id ?? KeyIdentity.rowID(scope: scope, key: key), scope: scope, key: key, saga: saga,
            incarnation: KeyIdentity.incarnation()
        )
        sagaVersion = version
        json = request.json
        fingerprint = Fingerprint(canonical: request.compared)
    }

    /// The same request with an incarnation of its own.
    func asAnotherOperation() -> AcceptedRequest {
        var copy = self
        copy.context = KeyContext(
            id: context.id, scope: context.scope, key: context.key, saga: context.saga,
            incarnation: KeyIdentity.incarnation())
        return copy
    }
}
