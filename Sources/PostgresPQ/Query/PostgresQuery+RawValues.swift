/// Values that stand for another one: enums with a raw value, and the like. They are bound as their raw value; a type that has
/// a binding of its own keeps it.
extension PostgresQuery.StringInterpolation {
    /// Binds the raw value as the next parameter.
    public mutating func appendInterpolation<Value: RawRepresentable>(_ value: Value)
    where Value.RawValue: PostgresEncodable {
        appendInterpolation(value.rawValue)
    }

    /// Binds the raw value, or NULL, as the next parameter.
    public mutating func appendInterpolation<Value: RawRepresentable>(_ value: Value?)
    where Value.RawValue: PostgresEncodable {
        appendInterpolation(value.map(\.rawValue))
    }

    /// Binds the array of the raw values as the next parameter.
    public mutating func appendInterpolation<Value: RawRepresentable>(_ values: [Value])
    where Value.RawValue: PostgresArrayElement {
        appendInterpolation(values.map(\.rawValue))
    }

    /// Binds a value in its own way as the next parameter.
    public mutating func appendInterpolation<Value: RawRepresentable & PostgresEncodable>(_ value: Value)
    where Value.RawValue: PostgresEncodable {
        bind(value)
    }

    /// Binds a value in its own way, or NULL, as the next parameter.
    public mutating func appendInterpolation<Value: RawRepresentable & PostgresEncodable>(_ value: Value?)
    where Value.RawValue: PostgresEncodable {
        bind(value)
    }

    /// Binds an array of values in their own way as the next parameter.
    public mutating func appendInterpolation<Value: RawRepresentable & PostgresArrayElement>(_ values: [Value])
    where Value.RawValue: PostgresArrayElement {
        bind(values)
    }
}

/// A type with a raw value conforms by saying so:
/// ```swift
/// enum State: String, PostgresCodable { case open, closed }
/// ```
extension PostgresEncodable where Self: RawRepresentable, RawValue: PostgresEncodable {
    public static var postgresType: PostgresType { RawValue.postgresType }
    public static var postgresFormat: PostgresFormat { RawValue.postgresFormat }

    public func encode(into buffer: inout [UInt8]) throws {
        try rawValue.encode(into: &buffer)
    }
}

extension PostgresDecodable where Self: RawRepresentable, RawValue: PostgresDecodable {
    /// Throws ``PostgresError/Code/decoding`` for a value that stands for none of the type's.
    public init(postgres cell: PostgresCell) throws {
        guard let value = Self(rawValue: try RawValue(postgres: cell)) else {
            throw cell.mismatch(Self.self, "the value stands for none of the type's")
        }
        self = value
    }
}

extension PostgresArrayElement where Self: RawRepresentable, RawValue: PostgresArrayElement {
    public static var postgresElementType: PostgresType { RawValue.postgresElementType }
    public static var postgresArrayType: PostgresType { RawValue.postgresArrayType }

    public func encodeElement(into buffer: inout [UInt8]) throws {
        try rawValue.encodeElement(into: &buffer)
    }
}
