import Crypto
package import Foundation

/// A hash of a request's canonical form: tells whether a repeated key asks for the same thing.
package struct Fingerprint: Sendable, Hashable {
    /// The version of the algorithm, stored beside each fingerprint, so that a later one can tell old rows.
    package static let version = 1

    private let digest: SHA256Digest

    package var bytes: Data { Data(digest) }

    /// The fingerprint of a request's JSON text.
    /// - Throws: `WaymarkError` (`invalidJSON`) when the text is not strict JSON.
    package init(json: String) throws {
        self.init(canonical: try JSONValue(parsing: json).canonical)
    }

    /// The fingerprint of a request's canonical text, as `JSONCoding.encode` makes it: nothing is parsed.
    package init(canonical json: String) {
        digest = SHA256.hash(text: json)
    }

    /// Whether these are the bytes of a fingerprint that was stored.
    package func matches(_ bytes: Data) -> Bool { digest == bytes }
}
