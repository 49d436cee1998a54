import Foundation

/// A value that is stored as `jsonb`.
///
/// Encodes with `JSONEncoder` and decodes `json` and `jsonb` with `JSONDecoder`, both with their default strategies; a
/// `Date` is therefore a number of seconds since 2001 and comes back exact.
public struct PostgresJSON<Value: Codable & Sendable>: Sendable {
    public var value: Value

    public init(_ value: Value) {
        self.value = value
    }
}

extension PostgresJSON: Equatable where Value: Equatable {}
extension PostgresJSON: Hashable where Value: Hashable {}

extension PostgresJSON: PostgresCodable, PostgresArrayElement, PostgresArrayDecodable {
    public static var postgresType: PostgresType { .jsonb }
    public static var postgresFormat: PostgresFormat { .text }
    public static var postgresArrayType: PostgresType { .jsonbArray }

    public func encode(into buffer: inout [UInt8]) throws {
        buffer.append(contentsOf: try JSONEncoder().encode(value))
    }

    public func encodeElement(into buffer: inout [UInt8]) throws {
        buffer.append(1)
        try encode(into: &buffer)
    }

    public init(postgres cell: PostgresCell) throws {
        let data = try Data(cell.jsonBytes())
        do {
            value = try JSONDecoder().decode(Value.self, from: data)
        } catch {
            var failure = cell.mismatch(Value.self, "the JSON does not fit")
            failure.underlying = error
            throw failure
        }
    }
}

/// JSON as text, sent and read without being parsed here.
///
/// As a parameter it has no type of its own, so the server takes it as `json` or `jsonb`, whichever the place asks for.
/// In an array it is `jsonb`.
public struct PostgresJSONText: Sendable, Hashable {
    public var text: String

    public init(_ text: String) {
        self.text = text
    }
}

extension PostgresJSONText: PostgresCodable, PostgresArrayElement, PostgresArrayDecodable {
    public static var postgresType: PostgresType { .unknown }
    public static var postgresFormat: PostgresFormat { .text }
    public static var postgresElementType: PostgresType { .jsonb }
    public static var postgresArrayType: PostgresType { .jsonbArray }

    public func encode(into buffer: inout [UInt8]) {
        text.encode(into: &buffer)
    }

    public func encodeElement(into buffer: inout [UInt8]) throws {
        buffer.append(1)
        try text.encodeElement(into: &buffer)
    }

    /// Takes json, jsonb and the text types.
    public init(postgres cell: PostgresCell) throws {
        text = cell.type.isJSON ? try cell.jsonText() : try String(postgres: cell)
    }
}
