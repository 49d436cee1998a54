/// A type whose values can stand in an array parameter (`[Int]`, `[String?]`, …).
public protocol PostgresArrayEncodable: Sendable {
    /// The array type, such as `int8[]`.
    static var postgresArrayType: PostgresType { get }
    /// Appends the binary form of a one-dimensional array.
    static func encodeArray(_ values: [Self], into buffer: inout [UInt8]) throws
}

/// A parameter type that is also an array's element.
public protocol PostgresArrayElement: PostgresEncodable, PostgresArrayEncodable {
    /// The type of one element.
    static var postgresElementType: PostgresType { get }
    /// Appends the element's binary form; by default the same as ``PostgresEncodable/encode(into:)``.
    func encodeElement(into buffer: inout [UInt8]) throws
}

/// A type whose values can be taken out of an array column.
public protocol PostgresArrayDecodable: Sendable {
    static func decodeArray(_ cell: PostgresCell) throws -> [Self]
}

extension PostgresArrayElement {
    public static var postgresElementType: PostgresType { postgresType }

    public func encodeElement(into buffer: inout [UInt8]) throws {
        try encode(into: &buffer)
    }

    public static func encodeArray(_ values: [Self], into buffer: inout [UInt8]) throws {
        try appendArray(values, of: postgresElementType, hasNull: false, into: &buffer) { $0 }
    }
}

extension Optional: PostgresArrayEncodable where Wrapped: PostgresArrayElement {
    public static var postgresArrayType: PostgresType { Wrapped.postgresArrayType }

    public static func encodeArray(_ values: [Wrapped?], into buffer: inout [UInt8]) throws {
        let hasNull = values.contains { $0 == nil }
        try appendArray(values, of: Wrapped.postgresElementType, hasNull: hasNull, into: &buffer) { $0 }
    }
}

extension Array: PostgresEncodable where Element: PostgresArrayEncodable {
    public static var postgresType: PostgresType { Element.postgresArrayType }

    public func encode(into buffer: inout [UInt8]) throws {
        try Element.encodeArray(self, into: &buffer)
    }
}

extension PostgresArrayDecodable where Self: PostgresDecodable {
    public static func decodeArray(_ cell: PostgresCell) throws -> [Self] {
        try cell.elements().map { try Self(postgres: $0) }
    }
}

extension Optional: PostgresArrayDecodable where Wrapped: PostgresDecodable & PostgresArrayDecodable {}

extension Array: PostgresDecodable where Element: PostgresArrayDecodable {
    /// Takes a one-dimensional array of any lower bound.
    public init(postgres cell: PostgresCell) throws {
        self = try Element.decodeArray(cell)
    }
}

/// Writes the array header, then each element behind its length; -1 for NULL.
private func appendArray<Value, Element: PostgresArrayElement>(
    _ values: [Value],
    of type: PostgresType,
    hasNull: Bool,
    into buffer: inout [UInt8],
    _ element: (Value) -> Element?
) throws {
    buffer.appendInteger(Int32(values.isEmpty ? 0 : 1))
    buffer.appendInteger(Int32(hasNull ? 1 : 0))
    buffer.appendInteger(type.rawValue)
    guard !values.isEmpty else { return }
    buffer.appendInteger(Int32(values.count))
    buffer.appendInteger(Int32(1))
    for value in values {
        guard let element = element(value) else {
            buffer.appendInteger(Int32(-1))
            continue
        }
        let lengthOffset = buffer.count
        buffer.appendInteger(Int32(0))
        try element.encodeElement(into: &buffer)
        let length = UInt32(buffer.count - lengthOffset - 4).bigEndian
        withUnsafeBytes(of: length) { bytes in
            buffer.replaceSubrange(lengthOffset..<lengthOffset + 4, with: bytes)
        }
    }
}
