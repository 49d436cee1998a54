public import Foundation

/// What an idempotency key can be derived from: strings, integers, UUIDs, optionals of them, and, where they say so,
/// types with such a raw value.
///
/// ```swift
/// enum Channel: String, Codable, IdempotencyKeyPart { case mail, letter }
/// ```
public protocol IdempotencyKeyPart {
    /// The value as text: equal for equal values and different for different ones. Nil where there is no value.
    var idempotencyKeyText: String? { get }
}

extension String: IdempotencyKeyPart {
    public var idempotencyKeyText: String? { self }
}

extension UUID: IdempotencyKeyPart {
    public var idempotencyKeyText: String? { uuidString }
}

extension Optional: IdempotencyKeyPart where Wrapped: IdempotencyKeyPart {
    public var idempotencyKeyText: String? { flatMap(\.idempotencyKeyText) }
}

extension IdempotencyKeyPart where Self: BinaryInteger {
    public var idempotencyKeyText: String? { String(self) }
}

extension IdempotencyKeyPart where Self: RawRepresentable, RawValue: IdempotencyKeyPart {
    public var idempotencyKeyText: String? { rawValue.idempotencyKeyText }
}

extension Int: IdempotencyKeyPart {}
extension Int8: IdempotencyKeyPart {}
extension Int16: IdempotencyKeyPart {}
extension Int32: IdempotencyKeyPart {}
extension Int64: IdempotencyKeyPart {}
extension UInt: IdempotencyKeyPart {}
extension UInt8: IdempotencyKeyPart {}
extension UInt16: IdempotencyKeyPart {}
extension UInt32: IdempotencyKeyPart {}
extension UInt64: IdempotencyKeyPart {}
