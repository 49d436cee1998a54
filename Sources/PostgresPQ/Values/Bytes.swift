public import Foundation

extension UInt8: PostgresArrayEncodable, PostgresArrayDecodable {
    /// An array of bytes is `bytea`, not an array.
    public static var postgresArrayType: PostgresType { .bytea }

    public static func encodeArray(_ values: [UInt8], into buffer: inout [UInt8]) {
        buffer.append(contentsOf: values)
    }

    public static func decodeArray(_ cell: PostgresCell) throws -> [UInt8] {
        guard cell.type == .bytea else { throw cell.mismatch([UInt8].self) }
        return try Array(cell.bytes())
    }
}

extension Data: PostgresCodable, PostgresArrayElement, PostgresArrayDecodable {
    public static var postgresType: PostgresType { .bytea }
    public static var postgresArrayType: PostgresType { .byteaArray }

    public func encode(into buffer: inout [UInt8]) {
        buffer.append(contentsOf: self)
    }

    public init(postgres cell: PostgresCell) throws {
        guard cell.type == .bytea else { throw cell.mismatch(Data.self) }
        try self.init(cell.bytes())
    }
}

extension [UInt8] {
    /// Appends in network byte order.
    mutating func appendInteger<Value: FixedWidthInteger>(_ value: Value) {
        Swift.withUnsafeBytes(of: value.bigEndian) { append(contentsOf: $0) }
    }
}

extension UnsafeRawBufferPointer {
    /// Reads a number in network byte order. The caller has checked that there are enough bytes.
    func loadInteger<Value: FixedWidthInteger>(at offset: Int = 0, as type: Value.Type) -> Value {
        Value(bigEndian: loadUnaligned(fromByteOffset: offset, as: Value.self))
    }
}
