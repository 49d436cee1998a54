public import AsyncHTTPClient
public import Foundation

/// An HTTP client that repeats a request until it is answered, always with the same idempotency key.
///
/// ```swift
/// let rides = WaymarkClient(base: URL(string: "http://10.0.0.1:8080")!, URL(string: "http://10.0.0.2:8080")!)
/// let answer = try await rides.post("/rides", json: ride, key: "0ccb7813", headers: ["Authorization": token])
/// let confirmation = try answer.decode(Confirmation.self)
/// ```
///
/// What may pass is tried again: a refused or lost connection, a timeout, 202 with `Retry-After` (a request that waits for
/// something), 408, 409, 429 and 5xx, after the server's
/// `Retry-After` or a pause of full jitter. What is an answer is returned: success, a rejection, a client's own mistake,
/// a request that is parked in front of a person. A server that cannot be reached is skipped while there are others.
///
/// The request may have been accepted although a call throws. Ask again with the error's `key` to hear what came of it.
public struct WaymarkClient: Sendable {
    /// Connections that give up at once when nobody listens, so that the next server can be asked; no redirects, which
    /// would turn a POST into a GET. `HTTPClient.shared` tries a dead server for ten seconds. Never shut down.
    public static let defaultHTTP: HTTPClient = {
        var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
        configuration.connectionPool.retryConnectionEstablishment = false
        return HTTPClient(eventLoopGroup: HTTPClient.defaultEventLoopGroup, configuration: configuration)
    }()

    let servers: ServerList
    let http: HTTPClient
    let retry: RetryRules
    let observe: @Sendable (Attempt) -> Void

    /// A client of one service that any of several servers can answer for.
    /// - Parameters:
    ///   - base: where the servers are, each with whatever paths have in common. They take turns.
    ///   - http: does the sending. One made with `retryConnectionEstablishment` holds on to a dead server.
    ///   - retry: how long and how often to try.
    ///   - observe: is told of every attempt when it is over, for logs and metrics.
    public init(
        base: URL..., http: HTTPClient = defaultHTTP, retry: RetryRules = .init(),
        observe: @escaping @Sendable (Attempt) -> Void = { _ in }
    ) {
        precondition(!base.isEmpty, "a client needs a server to talk to")
        self.init(bases: { base }, http: http, retry: retry, observe: observe)
    }

    /// The same for servers that come and go: `bases` is asked before every attempt, for a registry to answer.
    public init(
        bases: @escaping @Sendable () -> [URL], http: HTTPClient = defaultHTTP, retry: RetryRules = .init(),
        observe: @escaping @Sendable (Attempt) -> Void = { _ in }
    ) {
        servers = ServerList(bases)
        self.http = http
        self.retry = retry
        self.observe = observe
    }

    /// Sends `body` as JSON until it is answered.
    /// - Parameters:
    ///   - path: below the base, such as `/rides`.
    ///   - key: the operation's name, 1 to 255 printable ASCII characters. Without one a UUID is made, which
    ///     `Answer.key` and every error tell.
    ///   - headers: further header fields, such as `Authorization`.
    /// - Throws: `WaymarkClientError`; `EncodingError` before anything was sent; `CancellationError`.
    public func post(
        _ path: String, json body: some Encodable, key: String? = nil, headers: [String: String] = [:]
    ) async throws -> Answer {
        let encoder = JSONEncoder()
        // Equal values give equal bytes: a server may take a fingerprint of them.
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return try await post(path, body: encoder.encode(body), type: "application/json", key: key, headers: headers)
    }

    /// Sends `form` form-encoded, otherwise as with JSON.
    public func post(
        _ path: String, form: KeyValuePairs<String, String>, key: String? = nil, headers: [String: String] = [:]
    ) async throws -> Answer {
        try await post(
            path, body: Data(Form.encoded(form).utf8), type: "application/x-www-form-urlencoded", key: key,
            headers: headers)
    }

    /// Sends the bytes of `body` as they are, otherwise as with JSON.
    /// - Parameter type: the body's media type.
    public func post(
        _ path: String, body: Data, type: String, key: String? = nil, headers: [String: String] = [:]
    ) async throws -> Answer {
        let key = key ?? UUID().uuidString.lowercased()
        guard (1...255).contains(key.utf8.count), key.utf8.allSatisfy({ (0x20...0x7E).contains($0) }) else {
            throw WaymarkClientError(.invalidKey, "an idempotency key is 1 to 255 printable ASCII characters", key: key)
        }
        return try await deliver(Parcel(path: path, body: body, type: type, key: key, headers: headers))
    }
}
