import Foundation
import Waymark

/// A request that somebody waits for, with what it takes to run it: one object, since whoever waits keeps it.
final class IncomingRequest: Sendable {
    let saga: RegisteredSaga
    let request: AcceptedRequest
    private let value: StepValue

    /// The row's.
    var id: UUID { request.context.id }

    /// - Parameter id: the row's id.
    /// - Throws: what `AcceptedRequest` does.
    @inline(never)
    init(_ prepared: consuming PreparedRequest, id: UUID, key: IdempotencyKey, scope: Scope) throws {
        saga = prepared.saga
        value = prepared.request
        request = try AcceptedRequest(
            saga: saga.declaration.name, version: saga.declaration.version, request: prepared.request, key: key,
            scope: scope, id: id)
    }

    private init(_ saga: RegisteredSaga, _ request: AcceptedRequest, _ value: StepValue) {
        self.saga = saga
        self.request = request
        self.value = value
    }

    /// The same request with an incarnation of its own.
    @inline(never)
    func asAnotherOperation() -> IncomingRequest {
        IncomingRequest(saga, request.asAnotherOperation(), value)
    }

    @inline(never)
    func hold(clock: EngineClock) -> Hold {
        Hold(id: request.context.id, saga: request.context.saga, fingerprint: request.fingerprint, clock: clock)
    }

    /// Reads the request as it will be stored.
    /// - Throws: `WaymarkError` (`invalidJSON`) when what would be stored does not read as a request.
    @inline(never)
    func checkReading() throws {
        do {
            _ = try value.read()
        } catch {
            throw WaymarkError(.invalidJSON, "the request does not read as it would be stored: \(error)")
        }
    }

    @inline(never)
    func runner(on engine: Engine, _ hold: Hold) -> Runner {
        Runner(engine: engine, saga: saga, accepting: request, value: try? value.read(), hold: hold)
    }
}
