public import Foundation

extension Bool: PostgresCodable, PostgresArrayElement, PostgresArrayDecodable {
    public static var postgresType: PostgresType { .bool }
    public static var postgresArrayType: PostgresType { .boolArray }
    public func encode(into buffer: inout [UInt8]) { buffer.append(self ? 1 : 0) }

    /// Takes bool.
    public init(postgres cell: PostgresCell) throws {
        let bytes = try cell.bytes()
        guard cell.type == .bool, bytes.count == 1 else { throw cell.mismatch(Bool.self) }
        self = bytes[0] != 0
    }
}

extension UUID: PostgresCodable, PostgresArrayElement, PostgresArrayDecodable {
    public static var postgresType: PostgresType { .uuid }
    public static var postgresArrayType: PostgresType { .uuidArray }

    public func encode(into buffer: inout [UInt8]) {
        withUnsafeBytes(of: uuid) { buffer.append(contentsOf: $0) }
    }

    /// Takes uuid; a uuid in a text column is a `String`.
    public init(postgres cell: PostgresCell) throws {
        let bytes = try cell.bytes()
        guard cell.type == .uuid, bytes.count == 16 else { throw cell.mismatch(UUID.self) }
        self.init(uuid: bytes.loadUnaligned(as: uuid_t.self))
    }
}

extension Double: PostgresCodable, PostgresArrayElement, PostgresArrayDecodable {
    public static var postgresType: PostgresType { .float8 }
    public static var postgresArrayType: PostgresType { .float8Array }
    public func encode(into buffer: inout [UInt8]) { buffer.appendInteger(bitPattern) }

    /// Takes float8 and float4.
    public init(postgres cell: PostgresCell) throws {
        let bytes = try cell.bytes()
        switch (cell.type, bytes.count) {
        case (.float8, 8): self.init(bitPattern: bytes.loadInteger(as: UInt64.self))
        case (.float4, 4): self.init(Float(bitPattern: bytes.loadInteger(as: UInt32.self)))
        default: throw cell.mismatch(Double.self)
        }
    }
}

extension Float: PostgresCodable, PostgresArrayElement, PostgresArrayDecodable {
    public static var postgresType: PostgresType { .float4 }
    public static var postgresArrayType: PostgresType { .float4Array }
    public func encode(into buffer: inout [UInt8]) { buffer.appendInteger(bitPattern) }

    /// Takes float4 only: a float8 would lose digits.
    public init(postgres cell: PostgresCell) throws {
        let bytes = try cell.bytes()
        guard cell.type == .float4, bytes.count == 4 else { throw cell.mismatch(Float.self) }
        self.init(bitPattern: bytes.loadInteger(as: UInt32.self))
    }
}
