import HTTPTypes

/// A request of the generator, and what must come of it.
struct GeneratedRequest: Sendable, CustomStringConvertible {
    enum Expectation: Sendable, Equatable {
        /// Accepted, with this answer.
        case answer(String)
        /// Refused with this status; where given, the problem names this field or something in it.
        case refusal(Int, field: String?)
        /// Whatever its luck is: an answer or a refusal, but never a failure of ours.
        case either
    }

    var method = HTTPRequest.Method.post
    var path = "/goods"
    var caller: String? = "me"
    /// The values of `Idempotency-Key`, as they are sent.
    var keys: [String]
    /// The key that they stand for.
    var key: String
    var type: String? = "application/json"
    var others: [(name: String, value: String)] = []
    var body: [UInt8]
    var expectation = Expectation.either
    /// What was done to it, for the count of what occurred.
    var kind: String

    var fields: HTTPFields {
        var fields = HTTPFields()
        fields[.authorization] = caller
        fields[.contentType] = type
        for (name, value) in others + keys.map({ ("Idempotency-Key", $0) }) {
            if let name = HTTPField.Name(name) { fields.append(HTTPField(name: name, value: value)) }
        }
        return fields
    }

    /// A request whose body is a text.
    mutating func setBody(_ text: String) { body = Array(text.utf8) }

    /// All of it, but for the middle of a long body.
    var description: String {
        let shown = 2_000
        let text = String(decoding: body.prefix(shown), as: UTF8.self).debugDescription
        let rest = body.count > shown ? "… (\(body.count) bytes)" : ""
        return "[\(kind)] \(method) \(path) \(fields) \(text)\(rest) bytes \(body.prefix(400))"
    }
}
