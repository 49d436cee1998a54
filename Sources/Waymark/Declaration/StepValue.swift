import Foundation
import Synchronization

/// The stored text of a value, and the value as it is read from that text: a process goes on with what another one would
/// find after a crash. A class for the same reason as `Work`.
package final class StepValue: Sendable {
    package let json: String
    /// The text that a request's fingerprint is made of.
    package let compared: String
    private let decode: @Sendable (String) throws -> any Sendable
    private let known: Mutex<(any Sendable)?>

    /// - Throws: `EncodingError`, or `WaymarkError` (`invalidJSON`), when `value` cannot be stored.
    package convenience init<Value: Codable & Sendable>(encoding value: Value) throws {
        let (json, compared) = try JSONCoding.encodeForStorageAndComparison(value)
        // Of types that are their own text the two are known to be the same.
        let isText = Value.self == String.self || Value.self == Int.self || Value.self == UUID.self
        self.init(json, compared, known: isText ? value : nil) { try JSONCoding.decode(Value.self, from: $0) }
    }

    /// The same for a value that was read from `source`: where that is what is stored, it is not read again.
    package convenience init<Value: Codable & Sendable>(encoding value: Value, from source: JSONValue) throws {
        let (json, compared) = try JSONCoding.encodeForStorageAndComparison(value)
        let isSame = try JSONValue(parsing: json, depth: JSONCoding.storedDepth) == source
        self.init(json, compared, known: isSame ? value : nil) { try JSONCoding.decode(Value.self, from: $0) }
    }

    /// A value that was read from the database.
    package convenience init(value: any Sendable, json: String) {
        self.init(json, json, known: value) { _ in value }
    }

    private init(
        _ json: String, _ compared: String, known: (any Sendable)?,
        decode: @escaping @Sendable (String) throws -> any Sendable
    ) {
        self.json = json
        self.compared = compared
        self.decode = decode
        self.known = Mutex(known)
    }

    /// What a step's body returned.
    /// - Throws: `UnstorableOutput`, so that it is not mistaken for an error of the body's own.
    package convenience init(output value: some Codable & Sendable) throws {
        do {
            try self.init(encoding: value)
        } catch {
            throw UnstorableOutput(description: "\(error)")
        }
    }

    /// Reads the value from its text, once.
    /// - Throws: `DecodingError`, or `WaymarkError`, when the text does not read as a value of the type that it was made of.
    package func read() throws -> any Sendable {
        try known.withLock { known in
            if let known { return known }
            let value = try decode(json)
            known = value
            return value
        }
    }

    /// What a compensation returns.
    package static let nothing = StepValue(value: Nothing(), json: "null")

    private struct Nothing: Sendable {}
}

/// A step's output cannot be stored: no further attempt will mend that.
package struct UnstorableOutput: Error, CustomStringConvertible {
    package let description: String

    package init(description: String) {
        self.description = description
    }
}
