import Crypto
package import Foundation

/// A hash of a request's canonical form: tells whether a repeated key asks for the same thing.
package struct Fingerprint: Sendable, Hashable {
    /// The version of the algorithm, stored beside each fingerprint, so that a later one can tell old rows.
    package static let version = 1

    package let bytes: Data

    /// The fingerprint of a request's JSON text.
    /// - Throws: `WaymarkError` (`invalidJSON`) when the text is not strict JSON.
    package init(json: String) throws {
        self.init(canonical: try JSONValue(parsing: json).canonical)
    }

    /// The fingerprint of a request's canonical text, as `JSONCoding.encode` makes it: nothing is parsed.
    package init(canonical json: String) {
        bytes = SHA256.hash(text: json).withUnsafeBytes { Data($0) }
    }

    package init(bytes: Data) {
        self.bytes = bytes
    }
}
