import Foundation
public import Hummingbird
public import Waymark
import WaymarkEngine

extension FrontDoor {
    /// Adds `POST /sagas/{name}/events/{event}` for these sagas: delivers an event to a request that waits for it, or will.
    ///
    /// The `Idempotency-Key` names the request, the body is the event as JSON. So whoever owns a request may say what it
    /// waits for: where somebody else has to (an approval by another person, a webhook), add it to a front door that
    /// authenticates those, or call `Orchestrator.signal` on a route of its own.
    ///
    /// | answer | when |
    /// | --- | --- |
    /// | 202 | delivered, also where it is early |
    /// | 200 with `Idempotent-Replayed: true` | the same event with the same payload was delivered before |
    /// | 400, 401, 413, 415 | as for a saga's request; the payload is not what the step waits for |
    /// | 404 | no such saga or event, no request with this key |
    /// | 409 | delivered before with another payload; or the request waits for it no more |
    /// | 422 | the key belongs to a request of another saga |
    public func addEvents<Context: RequestContext, each S: Saga>(
        to router: some RouterMethods<Context>, _ sagas: repeat (each S).Type
    ) {
        var names: Set<String> = []
        for saga in repeat each sagas { names.insert(saga.name) }
        router.post("sagas/:name/events/:event") { [names] request, context in
            await answering(context.logger) {
                let name = try context.parameters.require("name")
                let event = try context.parameters.require("event")
                let (caller, key, payload) = try await read(request)
                guard names.contains(name) else { throw Self.unknownSaga(name) }
                // The router leaves escapes alone, and the brackets of an element are commonly sent as such.
                return try await orchestrator.signal(
                    saga: name, event.removingPercentEncoding ?? event, key: key, scope: caller.scope,
                    payload: try payload.json()
                ).response
            }
        }
    }
}

extension Delivery {
    /// What the sender of the event is told.
    var response: Response {
        let body = #"{"delivery":"\#(rawValue)"}"#
        switch self {
        case .delivered: return .json(.accepted, body)
        case .repeated:
            var response = Response.json(.ok, body)
            response.headers[.idempotentReplayed] = "true"
            return response
        case .conflict:
            return Problem(.eventConflict, "The event was delivered before with another payload.").response
        case .passed: return Problem(.eventTooLate, "The request waits for the event no more.").response
        case .finished: return Problem(.eventTooLate, "The request has its answer.").response
        case .unknownKey:
            return Problem(.notFound, "There is no request with this key.", field: IdempotencyKey.field).response
        case .mismatch:
            return Problem(.keyReused, "The key was used for another operation.", field: IdempotencyKey.field).response
        }
    }
}
