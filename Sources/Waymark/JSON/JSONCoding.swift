/// How values become JSON text and back, the same everywhere: for requests, outputs, jobs and answers.
///
/// Dates are ISO 8601 with the microseconds that PostgreSQL has (see `DateText`). The text is canonical (see `JSONValue.canonical`), so equal values have equal text.
package enum JSONCoding {
    /// The canonical text of a value: what is stored, sent, and hashed into a fingerprint.
    /// - Throws: `EncodingError` naming the field that does not encode, `WaymarkError` (`invalidJSON`) for what is nested
    ///   deeper than `storedDepth`.
    package static func encode(_ value: some Encodable) throws -> String {
        try CanonicalEncoder.text(of: value).string
    }

    /// As `encode`, for a `jsonb` column, which cannot hold a NUL character.
    /// - Throws: as `encode`; `WaymarkError` (`invalidJSON`) when a text in it holds NUL.
    package static func encodeForStorage(_ value: some Encodable) throws -> String {
        try encodeForStorageAndComparison(value).stored
    }

    /// As `encodeForStorage`; also the text that a request's fingerprint is made of, in which dates have milliseconds.
    static func encodeForStorageAndComparison(_ value: some Encodable) throws -> (stored: String, compared: String) {
        let texts = try CanonicalEncoder.texts(of: value)
        if texts.stored.holdsNUL { throw WaymarkError(.invalidJSON, "a NUL character (\\u0000) cannot be stored") }
        let stored = texts.stored.string
        return (stored, texts.rounded?.string ?? stored)
    }

    /// - Throws: `WaymarkError` (`invalidJSON`) when `json` is not JSON, `DecodingError` naming the field when it is not a
    ///   `Value`.
    package static func decode<Value: Decodable>(_ type: Value.Type, from json: String) throws -> Value {
        try decode(type, from: JSONValue(parsing: json, depth: storedDepth))
    }

    /// - Parameter isForm: whether strings stand for numbers and truth values too.
    /// - Throws: `DecodingError` naming the field.
    package static func decode<Value: Decodable>(
        _ type: Value.Type, from value: JSONValue, isForm: Bool = false
    ) throws -> Value {
        try JSONValueDecoder(value: value, codingPath: [], isForm: isForm).unwrap(type, value, nil)
    }

    /// Levels of nesting in what is stored: as deep as Foundation's decoder goes.
    package static let storedDepth = 512
}
