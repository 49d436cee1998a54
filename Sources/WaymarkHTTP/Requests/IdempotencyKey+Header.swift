import HTTPTypes
import Waymark

extension IdempotencyKey {
    /// The key of a request: a structured-field string (RFC 9651, 3.3.3) such as `"8e03978e"`, or bare.
    /// - Throws: `WaymarkError` (`invalidKey`) when it is missing, repeated or malformed.
    init(header fields: HTTPFields) throws {
        let values = fields[values: .idempotencyKey]
        guard let value = values.first else {
            throw WaymarkError(.invalidKey, "the request has no Idempotency-Key", field: Self.field)
        }
        guard values.count == 1 else {
            throw WaymarkError(.invalidKey, "the request has \(values.count) idempotency keys", field: Self.field)
        }
        try self.init(value.hasPrefix("\"") ? Self.unquoted(value) : value)
    }

    private static func unquoted(_ value: String) throws -> String {
        var key = ""
        var rest = value.dropFirst().makeIterator()
        while let character = rest.next() {
            switch character {
            case "\"":
                guard rest.next() == nil else {
                    throw WaymarkError(.invalidKey, "text follows the quoted idempotency key", field: field)
                }
                return key
            case "\\":
                guard let escaped = rest.next(), escaped == "\"" || escaped == "\\" else {
                    throw WaymarkError(.invalidKey, "an unknown escape in the idempotency key", field: field)
                }
                key.append(escaped)
            default: key.append(character)
            }
        }
        throw WaymarkError(.invalidKey, "the quoted idempotency key does not end", field: field)
    }
}
