public import Hummingbird
import Logging
public import Waymark
public import WaymarkEngine

/// Takes requests over HTTP, after the IETF's Idempotency-Key draft and Stripe's API.
///
/// ```swift
/// let door = FrontDoor(orchestrator) { request in try await users.caller(of: request) }
/// let router = Router()
/// door.addHealth(to: router)                                   // GET /health
/// door.addSagas(to: router, Transfer.self, Invite.self)        // POST /sagas/{name}
/// door.addEvents(to: router, Transfer.self)                    // POST /sagas/{name}/events/{event}
/// router.post("rides", saga: BookRide.self, through: door)     // an application's own route
/// ```
///
/// | answer | when |
/// | --- | --- |
/// | the route's success status, or the rejection's | the one answer; `Idempotent-Replayed: true` when given before |
/// | 202 with Retry-After (60 s at most) | accepted, and asleep or waiting for something: `{"status":"waiting","recovery_point":…}` |
/// | 400 | no key or a malformed one; a body that is not what the saga takes |
/// | 401 | no caller |
/// | 404, 413, 415 | no such saga; a body over 1 MiB; neither JSON nor a form |
/// | 409 with Retry-After | the first request with this key is still being worked on |
/// | 422 | the key belongs to another request |
/// | 500 | parked: a person has to look |
/// | 502 with Retry-After | accepted, and waiting for a child saga that is parked; `child` is its key's id |
/// | 503 with Retry-After | accepted, and an attempt failed: the work goes on; or the database is away |
public struct FrontDoor<Caller: Principal>: Sendable {
    /// Bytes of a request's body: four times what a saga's request may be unless configured otherwise, for forms and spaces.
    public static var bodyLimit: Int { 1024 * 1024 }

    let orchestrator: Orchestrator
    let authenticate: @Sendable (Request) async throws -> Caller?

    /// - Parameter authenticate: finds out who is asking; nil is answered with 401.
    public init(_ orchestrator: Orchestrator, authenticate: @escaping @Sendable (Request) async throws -> Caller?) {
        self.orchestrator = orchestrator
        self.authenticate = authenticate
    }

    /// Adds `POST /sagas/{name}` for these sagas. The body is the whole request as JSON, so whoever may call may ask for
    /// anything that the request's type can say: a saga whose request names its user wants a route of its own.
    public func addSagas<Context: RequestContext, each S: Saga>(
        to router: some RouterMethods<Context>, _ sagas: repeat (each S).Type
    ) {
        var names: Set<String> = []
        for saga in repeat each sagas { names.insert(saga.name) }
        router.post("sagas/:name") { [names] request, context in
            await answering(context.logger) {
                let name = try context.parameters.require("name")
                return try await submit(request) { payload, _ in
                    guard names.contains(name) else { throw Self.unknownSaga(name) }
                    return try orchestrator.prepare(saga: name, try payload.json())
                }.response(success: .ok)
            }
        }
    }

    /// Adds `GET /health`: 200 while the database answers and takes writes, else 503.
    public func addHealth<Context: RequestContext>(to router: some RouterMethods<Context>) {
        router.get("health") { _, _ in
            await orchestrator.isDatabaseUsable()
                ? Response.json(.ok, #"{"status":"ok"}"#)
                : Problem(.unavailable, "The database cannot be reached, or takes no writes.", retryAfter: .seconds(1))
                    .response
        }
    }

    static func unknownSaga(_ name: String) -> WaymarkError {
        WaymarkError(.unknownName, "no saga is named '\(name)' here", field: "saga")
    }

    /// Reads and checks everything a request must have, before anything is written; then has it run.
    func submit(
        _ request: Request, _ prepare: (RequestPayload, Caller) throws -> PreparedRequest
    ) async throws -> Submission {
        let (caller, key, payload) = try await read(request)
        return try await orchestrator.submit(try prepare(payload, caller), key: key, scope: caller.scope)
    }

    /// Who is asking, the key, and the body.
    /// - Throws: `Problem` or `WaymarkError` for what a request lacks, whatever it is for.
    func read(_ request: Request) async throws -> (Caller, IdempotencyKey, RequestPayload) {
        let caller = try await caller(of: request)
        let key = try IdempotencyKey(header: request.headers)
        return (caller, key, try await RequestPayload(request, limit: Self.bodyLimit))
    }

    /// - Throws: `Problem` where there is no caller.
    func caller(of request: Request) async throws -> Caller {
        guard let caller = try await authenticate(request) else {
            throw Problem(.unauthorized, "The request does not say on whose behalf it is.")
        }
        return caller
    }

    /// Turns an error into its response.
    func answering(_ logger: Logger, _ body: () async throws -> Response) async -> Response {
        do {
            return try await body()
        } catch let rejection as Rejection {
            return .problem(HTTPResponse.Status(code: rejection.status), rejection.body)
        } catch {
            return Problem(describing: error, logger).response
        }
    }
}

extension RouterMethods {
    /// Binds a route to a saga: the body, JSON or form, is the saga's request.
    @discardableResult
    public func post<S: Saga, Caller: Principal>(
        _ path: RouterPath, saga: S.Type, through door: FrontDoor<Caller>, status: HTTPResponse.Status = .ok
    ) -> Self {
        post(path, saga: saga, through: door, status: status) { (request: S.Request, _) in request }
    }

    /// Binds a route to a saga whose request is made of the body, JSON or form, and of who is asking.
    /// - Parameters:
    ///   - status: the status of the saga's response; 201 suits what creates.
    ///   - makeRequest: what it throws (a `Rejection` for one) is answered, and nothing is stored.
    @discardableResult
    public func post<S: Saga, Caller: Principal, Fields: Decodable>(
        _ path: RouterPath, saga: S.Type, through door: FrontDoor<Caller>, status: HTTPResponse.Status = .ok,
        _ makeRequest: @escaping @Sendable (Fields, Caller) throws -> S.Request
    ) -> Self {
        post(path) { request, context in
            await door.answering(context.logger) {
                try await door.submit(request) { payload, caller in
                    let fields = try payload.decode(Fields.self)
                    return try door.orchestrator.prepare(saga, try makeRequest(fields, caller))
                }.response(success: status)
            }
        }
    }
}
