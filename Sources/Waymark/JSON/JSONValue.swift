/// Strict JSON (RFC 8259, I-JSON's rules on strings and members), numbers kept as their digits.
///
/// Foundation's decoder takes the last of repeated members and lets a NUL pass that PostgreSQL's jsonb cannot hold;
/// at the door both must be refused with the name of the field.
package enum JSONValue: Sendable, Hashable {
    case null
    case bool(Bool)
    case number(String)
    case string(String)
    case array([JSONValue])
    case object([String: JSONValue])

    /// - Throws: `WaymarkError` (`invalidJSON`) naming the field or the byte.
    package init(parsing text: String, depth: Int = Limits.jsonDepth) throws {
        var copy = text
        self = try copy.withUTF8 { try JSONParser.parse($0, depth: depth) }
    }

    /// - Throws: `WaymarkError` (`invalidJSON`) naming the field or the byte; also when `bytes` are not UTF-8.
    package init(parsing bytes: some Collection<UInt8>) throws {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw WaymarkError(.invalidJSON, "the text is not UTF-8")
        }
        try self.init(parsing: text)
    }
}
