public import Foundation

/// The one answer to a request.
public struct Answer: Sendable, Hashable {
    /// The HTTP status: a success, the saga's rejection, the client's mistake, 500 for a parked request, or
    /// 502 for one that waits for a parked one.
    public let status: Int
    /// The body's bytes: the same in every answer to the same key.
    public let body: Data
    /// The body's media type, as sent.
    public let contentType: String?
    /// Whether the server had given this answer before.
    public let replayed: Bool
    /// The idempotency key that it belongs to.
    public let key: String
    /// How often the request was sent for it.
    public let attempts: Int

    /// Whether the status is 2xx.
    public var isSuccess: Bool { (200..<300).contains(status) }

    /// Whether the request, or one that it waits for, is accepted and waits for a person. It is the answer for now; a later
    /// repeat may hear another.
    public var isParked: Bool {
        switch status {
        case 500: !replayed && problem?.type == Problem.parkedType
        case 502: !replayed && problem?.type == Problem.childParkedType
        default: false
        }
    }

    /// The problem document (RFC 9457) of an error answer, or nil when the body is none.
    public var problem: Problem? {
        guard contentType?.hasPrefix("application/problem+json") == true else { return nil }
        return try? JSONDecoder().decode(Problem.self, from: body)
    }

    /// The body as a value.
    /// - Throws: `DecodingError`. Look at `isSuccess` first: a rejection has another body.
    public func decode<Value: Decodable>(_ type: Value.Type) throws -> Value {
        try JSONDecoder().decode(type, from: body)
    }
}

/// What went wrong, as a server says it (RFC 9457).
public struct Problem: Sendable, Hashable, Decodable {
    static let parkedType = "urn:waymark:problem:parked"
    static let childParkedType = "urn:waymark:problem:child-parked"

    /// What kind of problem: stable, for programs to switch on.
    public let type: String?
    public let title: String?
    public let detail: String?
    /// The field of the request that it is about.
    public let field: String?
}
