import Foundation

/// One column of one row (or one element of an array in it), not yet decoded.
// Safe to share: the bytes belong to `buffer`, which the cell keeps alive and nobody changes.
public struct PostgresCell: @unchecked Sendable {
    let buffer: ResultBuffer
    let column: Int
    /// The type the server gave the column.
    public let type: PostgresType
    let start: UnsafeRawPointer?
    let count: Int

    /// The column's name.
    public var columnName: String { buffer.columnName(column) }

    public var isNull: Bool { start == nil }

    /// The value's binary form, valid as long as this cell is.
    ///
    /// Throws ``PostgresError/Code/decoding`` when the value is NULL.
    public func bytes() throws -> UnsafeRawBufferPointer {
        guard let start else {
            throw PostgresError(.decoding, "column \"\(columnName)\" is NULL, and the type asked for is not optional")
        }
        return UnsafeRawBufferPointer(start: start, count: count)
    }

    /// Decodes the value. Throws ``PostgresError/Code/decoding`` when it does not fit.
    public func decode<Value: PostgresDecodable>(_ type: Value.Type) throws -> Value {
        try Value(postgres: self)
    }

    /// The error that says that this column cannot be decoded as `type`.
    public func mismatch(_ type: Any.Type, _ reason: String? = nil) -> PostgresError {
        let reason = reason.map { ": \($0)" } ?? ""
        return PostgresError(
            .decoding,
            "column \"\(columnName)\" of type \(self.type) (oid \(self.type.rawValue)) cannot be read as \(type)\(reason)"
        )
    }

    /// The elements of a one-dimensional array.
    func elements() throws -> [PostgresCell] {
        let bytes = try bytes()
        guard bytes.count >= 12 else { throw mismatch([Any].self, "it is not an array") }
        let dimensions = bytes.loadInteger(at: 0, as: Int32.self)
        let hasNull = bytes.loadInteger(at: 4, as: Int32.self)
        let elementType = PostgresType(rawValue: bytes.loadInteger(at: 8, as: UInt32.self))
        guard hasNull == 0 || hasNull == 1, !type.isTextual, !type.isJSON else {
            throw mismatch([Any].self, "it is not an array")
        }
        if dimensions == 0 { return [] }
        guard dimensions == 1, bytes.count >= 20 else { throw mismatch([Any].self, "it has \(dimensions) dimensions") }
        let elementCount = Int(bytes.loadInteger(at: 12, as: Int32.self))
        var offset = 20
        var cells: [PostgresCell] = []
        while cells.count < elementCount {
            guard offset + 4 <= bytes.count else { throw mismatch([Any].self, "the array is cut short") }
            let length = Int(bytes.loadInteger(at: offset, as: Int32.self))
            offset += 4
            guard offset + max(length, 0) <= bytes.count else { throw mismatch([Any].self, "the array is cut short") }
            let start = length < 0 ? nil : bytes.baseAddress.map { $0 + offset }
            cells.append(
                PostgresCell(buffer: buffer, column: column, type: elementType, start: start, count: max(length, 0)))
            offset += max(length, 0)
        }
        return cells
    }
}
