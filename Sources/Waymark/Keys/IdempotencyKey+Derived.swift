import Crypto
import Foundation

extension IdempotencyKey {
    /// The key that follows from fields of a request, for operations that have an identity of their own.
    ///
    /// ```swift
    /// try IdempotencyKey(deriving: order, \.orderID, \.line)      // "A-17,3"
    /// ```
    ///
    /// Different values give different keys. A single value is its key as it is; several are joined by commas, with a
    /// backslash before each comma and backslash of theirs. What is not 1 to 255 characters of printable ASCII then is
    /// hashed: `sha256:` and 64 hexadecimal digits.
    /// The saga is no part of the key: where two sagas derive theirs from the same field, add what tells them apart.
    /// - Throws: `WaymarkError` (`invalidKey`) that names the field, for one that is nil or empty.
    public init<Request, First: IdempotencyKeyPart, each Rest: IdempotencyKeyPart>(
        deriving request: Request, _ first: KeyPath<Request, First>, _ rest: repeat KeyPath<Request, each Rest>
    ) throws {
        var texts = [try Self.text(of: request, first)]
        for path in repeat each rest { texts.append(try Self.text(of: request, path)) }
        try self.init(joining: texts)
    }

    init(joining texts: [String]) throws {
        let joined = texts.map(Self.escaped).joined(separator: ",")
        let isPlain = joined.utf8.count <= Limits.keyLength && joined.utf8.allSatisfy { (0x20...0x7E).contains($0) }
        // What looks like a hash is hashed too: no value can be chosen to meet another one's key.
        if isPlain, !joined.hasPrefix(Self.hashPrefix) {
            try self.init(joined)
        } else {
            let digits = SHA256.hash(data: Data(joined.utf8)).map { String(format: "%02x", $0) }
            try self.init(Self.hashPrefix + digits.joined())
        }
    }

    private static let hashPrefix = "sha256:"

    private static func text<Request>(
        of request: Request, _ path: KeyPath<Request, some IdempotencyKeyPart>
    ) throws -> String {
        guard let text = request[keyPath: path].idempotencyKeyText, !text.isEmpty else {
            throw WaymarkError(
                .invalidKey, "the idempotency key follows from the field, which is empty", field: name(of: path))
        }
        return text
    }

    private static func escaped(_ text: String) -> String {
        text.replacing("\\", with: "\\\\").replacing(",", with: "\\,")
    }

    /// `line.number` for `\Order.line?.number`.
    private static func name<Root, Value>(of path: KeyPath<Root, Value>) -> String {
        let (text, root) = (path.debugDescription, "\\\(Root.self).")
        return (text.hasPrefix(root) ? String(text.dropFirst(root.count)) : text).replacing("?", with: "")
    }
}
