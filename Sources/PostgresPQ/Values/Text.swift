import Foundation

extension String: PostgresCodable, PostgresArrayElement, PostgresArrayDecodable {
    /// Not `text`: the server infers from the context whether the string is a text, uuid, jsonb, inet, enum, ….
    public static var postgresType: PostgresType { .unknown }
    public static var postgresFormat: PostgresFormat { .text }
    public static var postgresElementType: PostgresType { .text }
    /// An array of strings is `text[]`; cast it in the statement (`\(names)::citext[]`) where another type is wanted.
    public static var postgresArrayType: PostgresType { .textArray }

    /// A NUL character, which no PostgreSQL text can hold, makes the statement fail with
    /// ``PostgresError/Code/encoding``.
    public func encode(into buffer: inout [UInt8]) {
        buffer.append(contentsOf: utf8)
    }

    public func encodeElement(into buffer: inout [UInt8]) throws {
        let offset = buffer.count
        buffer.append(contentsOf: utf8)
        // Of the bytes, which lie in a row: the text's own are found one by one.
        guard !buffer[offset...].contains(0) else { throw PostgresError(.encoding, PostgresBindings.nulMessage) }
    }

    /// Takes the text types, json, jsonb, uuid, enums and other types whose binary form is text.
    ///
    /// Every other type throws ``PostgresError/Code/decoding``; cast it to `text` in the statement.
    public init(postgres cell: PostgresCell) throws {
        let bytes = try cell.bytes()
        switch cell.type {
        case .jsonb:
            self = try cell.jsonText()
        case .uuid:
            self = try UUID(postgres: cell).uuidString.lowercased()
        case .void:
            self = ""
        default:
            guard cell.type.isTextual || (cell.type.isUserDefined && !bytes.contains(0)),
                let text = String(validating: bytes, as: UTF8.self)
            else { throw cell.mismatch(String.self, "its binary form is not text; cast it to text") }
            self = text
        }
    }
}

/// As `String`.
extension Substring: PostgresEncodable, PostgresArrayElement {
    public static var postgresType: PostgresType { String.postgresType }
    public static var postgresFormat: PostgresFormat { String.postgresFormat }
    public static var postgresElementType: PostgresType { String.postgresElementType }
    public static var postgresArrayType: PostgresType { String.postgresArrayType }

    public func encode(into buffer: inout [UInt8]) {
        String(self).encode(into: &buffer)
    }

    public func encodeElement(into buffer: inout [UInt8]) throws {
        try String(self).encodeElement(into: &buffer)
    }
}

extension PostgresCell {
    /// The bytes of a json or jsonb value as JSON, without jsonb's version byte.
    func jsonBytes() throws -> UnsafeRawBufferPointer {
        let bytes = try bytes()
        switch type {
        case .json:
            return bytes
        case .jsonb:
            guard bytes.first == 1 else { throw mismatch(String.self, "jsonb of an unknown version") }
            return UnsafeRawBufferPointer(rebasing: bytes.dropFirst())
        default:
            throw mismatch(String.self, "it is neither json nor jsonb")
        }
    }

    func jsonText() throws -> String {
        try String(decoding: jsonBytes(), as: UTF8.self)
    }
}
