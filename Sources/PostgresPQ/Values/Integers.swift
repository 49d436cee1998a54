extension FixedWidthInteger {
    /// Reads int2, int4, int8, oid or xid8, and checks the range of `Self`.
    init(integer cell: PostgresCell) throws {
        let bytes = try cell.bytes()
        let value: Self?
        switch (cell.type, bytes.count) {
        case (.int8, 8): value = Self(exactly: bytes.loadInteger(as: Int64.self))
        case (.int4, 4): value = Self(exactly: bytes.loadInteger(as: Int32.self))
        case (.int2, 2): value = Self(exactly: bytes.loadInteger(as: Int16.self))
        case (.oid, 4): value = Self(exactly: bytes.loadInteger(as: UInt32.self))
        case (.xid8, 8): value = Self(exactly: bytes.loadInteger(as: UInt64.self))
        default: throw cell.mismatch(Self.self)
        }
        guard let value else { throw cell.mismatch(Self.self, "the value is out of range") }
        self = value
    }
}

extension Int: PostgresCodable, PostgresArrayElement, PostgresArrayDecodable {
    public static var postgresType: PostgresType { .int8 }
    public static var postgresArrayType: PostgresType { .int8Array }
    public func encode(into buffer: inout [UInt8]) { buffer.appendInteger(Int64(self)) }
    public init(postgres cell: PostgresCell) throws { try self.init(integer: cell) }
}

extension Int64: PostgresCodable, PostgresArrayElement, PostgresArrayDecodable {
    public static var postgresType: PostgresType { .int8 }
    public static var postgresArrayType: PostgresType { .int8Array }
    public func encode(into buffer: inout [UInt8]) { buffer.appendInteger(self) }
    public init(postgres cell: PostgresCell) throws { try self.init(integer: cell) }
}

extension Int32: PostgresCodable, PostgresArrayElement, PostgresArrayDecodable {
    public static var postgresType: PostgresType { .int4 }
    public static var postgresArrayType: PostgresType { .int4Array }
    public func encode(into buffer: inout [UInt8]) { buffer.appendInteger(self) }
    public init(postgres cell: PostgresCell) throws { try self.init(integer: cell) }
}

extension Int16: PostgresCodable, PostgresArrayElement, PostgresArrayDecodable {
    public static var postgresType: PostgresType { .int2 }
    public static var postgresArrayType: PostgresType { .int2Array }
    public func encode(into buffer: inout [UInt8]) { buffer.appendInteger(self) }
    public init(postgres cell: PostgresCell) throws { try self.init(integer: cell) }
}

extension Int8: PostgresCodable, PostgresArrayElement, PostgresArrayDecodable {
    public static var postgresType: PostgresType { .int2 }
    public static var postgresArrayType: PostgresType { .int2Array }
    public func encode(into buffer: inout [UInt8]) { buffer.appendInteger(Int16(self)) }
    public init(postgres cell: PostgresCell) throws { try self.init(integer: cell) }
}

/// A single byte is a number; an array of bytes is `bytea`.
extension UInt8: PostgresCodable {
    public static var postgresType: PostgresType { .int2 }
    public func encode(into buffer: inout [UInt8]) { buffer.appendInteger(Int16(self)) }
    public init(postgres cell: PostgresCell) throws { try self.init(integer: cell) }
}

extension UInt16: PostgresCodable, PostgresArrayElement, PostgresArrayDecodable {
    public static var postgresType: PostgresType { .int4 }
    public static var postgresArrayType: PostgresType { .int4Array }
    public func encode(into buffer: inout [UInt8]) { buffer.appendInteger(Int32(self)) }
    public init(postgres cell: PostgresCell) throws { try self.init(integer: cell) }
}

extension UInt32: PostgresCodable, PostgresArrayElement, PostgresArrayDecodable {
    public static var postgresType: PostgresType { .int8 }
    public static var postgresArrayType: PostgresType { .int8Array }
    public func encode(into buffer: inout [UInt8]) { buffer.appendInteger(Int64(self)) }
    public init(postgres cell: PostgresCell) throws { try self.init(integer: cell) }
}

/// Over `Int64.max` it throws ``PostgresError/Code/encoding``, for `bigint` holds no more; a `Decimal` does.
extension UInt64: PostgresCodable, PostgresArrayElement, PostgresArrayDecodable {
    public static var postgresType: PostgresType { .int8 }
    public static var postgresArrayType: PostgresType { .int8Array }
    public func encode(into buffer: inout [UInt8]) throws { try buffer.appendBigint(self) }
    public init(postgres cell: PostgresCell) throws { try self.init(integer: cell) }
}

/// As `UInt64`.
extension UInt: PostgresCodable, PostgresArrayElement, PostgresArrayDecodable {
    public static var postgresType: PostgresType { .int8 }
    public static var postgresArrayType: PostgresType { .int8Array }
    public func encode(into buffer: inout [UInt8]) throws { try buffer.appendBigint(self) }
    public init(postgres cell: PostgresCell) throws { try self.init(integer: cell) }
}

/// As `numeric`, which holds all of them.
extension Int128: PostgresEncodable {
    public static var postgresType: PostgresType { .numeric }
    public static var postgresFormat: PostgresFormat { .text }
    public func encode(into buffer: inout [UInt8]) { buffer.append(contentsOf: description.utf8) }
}

/// As `numeric`, which holds all of them.
extension UInt128: PostgresEncodable {
    public static var postgresType: PostgresType { .numeric }
    public static var postgresFormat: PostgresFormat { .text }
    public func encode(into buffer: inout [UInt8]) { buffer.append(contentsOf: description.utf8) }
}

extension [UInt8] {
    fileprivate mutating func appendBigint(_ value: some BinaryInteger) throws {
        guard let value = Int64(exactly: value) else {
            throw PostgresError(.encoding, "the number is larger than bigint holds; bind it as a Decimal")
        }
        appendInteger(value)
    }
}
