/// A definitive failure: thrown by a step, it undoes the steps before, finishes the request, and is its answer for ever.
///
/// Every other error a step throws is transient: the step is tried again as its `RetryPolicy` says.
public struct Rejection: Error, Sendable, Hashable {
    /// The HTTP status of the answer, 400 to 599; 500 where another one was given.
    public let status: Int
    /// The answer's body, as JSON text.
    public let body: String

    /// A rejection with a problem document (RFC 9457) as its body.
    /// - Parameter type: a stable word that programs can switch on.
    public init(status: Int, type: String, title: String, detail: String? = nil) {
        let problem = Problem(type: type, title: title, status: Self.errorStatus(status), detail: detail)
        // Strings and an integer always encode.
        self.init(status: status, json: (try? JSONCoding.encode(problem)) ?? "{}")
    }

    /// A rejection with a body of its own.
    /// - Throws: `EncodingError` when `body` does not encode as JSON.
    public init(status: Int, body: some Encodable) throws {
        self.init(status: status, json: try JSONCoding.encode(body))
    }

    /// A rejection read back from where it was stored.
    package init(status: Int, json: String) {
        self.status = Self.errorStatus(status)
        self.body = json
    }

    /// Statuses are often a foreign system's, passed on: one that says no error must not end the process.
    private static func errorStatus(_ status: Int) -> Int {
        (400...599).contains(status) ? status : 500
    }

    private struct Problem: Encodable {
        let type: String
        let title: String
        let status: Int
        let detail: String?
    }
}
