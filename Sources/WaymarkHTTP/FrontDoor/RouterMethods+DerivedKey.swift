public import Hummingbird
public import Waymark
import WaymarkEngine

/// Routes whose idempotency key follows from the request, so that no client has to send one.
extension RouterMethods {
    /// Binds a route to a saga: the body, JSON or form, is the saga's request, and fields of it are the idempotency key.
    ///
    /// ```swift
    /// router.post("orders", saga: PlaceOrder.self, through: door, idempotencyKey: \.orderID, \.line, status: .created)
    /// ```
    ///
    /// A client need not send `Idempotency-Key`; one that does must send this very key (`IdempotencyKey(deriving:…)`), else
    /// the answer is 400. So it is where a field is null or empty.
    @discardableResult
    public func post<S: Saga, Caller: Principal, First: IdempotencyKeyPart, each Rest: IdempotencyKeyPart>(
        _ path: RouterPath, saga: S.Type, through door: FrontDoor<Caller>,
        idempotencyKey first: any KeyPath<S.Request, First> & Sendable,
        _ rest: repeat any KeyPath<S.Request, each Rest> & Sendable, status: HTTPResponse.Status = .ok
    ) -> Self {
        post(path, saga: saga, through: door, idempotencyKey: first, repeat each rest, status: status) {
            (request: S.Request, _) in request
        }
    }

    /// The same for a request that is made of the body and of who is asking; the fields are the saga's request's.
    /// - Parameter makeRequest: what it throws (a `Rejection` for one) is answered, and nothing is stored.
    @discardableResult
    public func post<
        S: Saga, Caller: Principal, Fields: Decodable, First: IdempotencyKeyPart, each Rest: IdempotencyKeyPart
    >(
        _ path: RouterPath, saga: S.Type, through door: FrontDoor<Caller>,
        idempotencyKey first: any KeyPath<S.Request, First> & Sendable,
        _ rest: repeat any KeyPath<S.Request, each Rest> & Sendable, status: HTTPResponse.Status = .ok,
        _ makeRequest: @escaping @Sendable (Fields, Caller) throws -> S.Request
    ) -> Self {
        post(path) { request, context in
            await door.answering(context.logger) {
                try await door.submit(request, to: saga) { payload, caller in
                    let value = try makeRequest(payload.decode(Fields.self), caller)
                    return (value, try IdempotencyKey(deriving: value, first, repeat each rest))
                }.response(success: status)
            }
        }
    }
}

extension FrontDoor {
    /// Reads and checks a request whose key follows from it, and has it run.
    fileprivate func submit<S: Saga>(
        _ request: Request, to saga: S.Type,
        _ read: (RequestPayload, Caller) throws -> (S.Request, IdempotencyKey)
    ) async throws -> Submission {
        let caller = try await caller(of: request)
        let sent = request.headers.contains(.idempotencyKey) ? try IdempotencyKey(header: request.headers) : nil
        let (value, key) = try read(try await RequestPayload(request, limit: Self.bodyLimit), caller)
        guard sent == nil || sent == key else {
            throw WaymarkError(
                .invalidKey, "this route's key follows from the request, and another one was sent",
                field: IdempotencyKey.field)
        }
        return try await orchestrator.submit(orchestrator.prepare(saga, value), key: key, scope: caller.scope)
    }
}
