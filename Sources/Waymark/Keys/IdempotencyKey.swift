/// What a client sends to name one operation: 1 to 255 characters of printable ASCII, unique within a `Scope`.
public struct IdempotencyKey: Sendable, Hashable, CustomStringConvertible {
    public let description: String

    /// - Throws: `WaymarkError` (`invalidKey`) that says what is wrong.
    public init(_ key: String) throws {
        guard !key.isEmpty else {
            throw WaymarkError(.invalidKey, "the idempotency key is empty", field: Self.field)
        }
        guard key.utf8.allSatisfy({ (0x20...0x7E).contains($0) }) else {
            throw WaymarkError(
                .invalidKey, "the idempotency key holds a character that is not printable ASCII", field: Self.field)
        }
        guard key.utf8.count <= Limits.keyLength else {
            throw WaymarkError(
                .invalidKey, "the idempotency key has \(key.utf8.count) characters; \(Limits.keyLength) at most",
                field: Self.field)
        }
        description = key
    }

    /// The header in which HTTP clients send it.
    public static let field = "Idempotency-Key"
}

/// The tenant or principal that owns a key. It comes from authentication, never from the request's body.
public struct Scope: Sendable, Hashable, CustomStringConvertible {
    public let description: String

    /// - Throws: `WaymarkError` (`invalidScope`) unless it is 1 to 255 bytes without control characters.
    public init(_ scope: String) throws {
        guard (1...Limits.scopeLength).contains(scope.utf8.count),
            scope.unicodeScalars.allSatisfy({ $0.properties.generalCategory != .control })
        else {
            throw WaymarkError(
                .invalidScope, "a scope is 1 to \(Limits.scopeLength) bytes without control characters", field: "scope")
        }
        description = scope
    }
}
