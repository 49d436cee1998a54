public import PostgresPQ

/// As `String`: the text.
extension IdempotencyKey: PostgresCodable, PostgresArrayElement, PostgresArrayDecodable {
    public static var postgresType: PostgresType { String.postgresType }
    public static var postgresFormat: PostgresFormat { String.postgresFormat }
    public static var postgresElementType: PostgresType { String.postgresElementType }
    public static var postgresArrayType: PostgresType { String.postgresArrayType }

    public func encode(into buffer: inout [UInt8]) {
        description.encode(into: &buffer)
    }

    public func encodeElement(into buffer: inout [UInt8]) throws {
        try description.encodeElement(into: &buffer)
    }

    /// - Throws: `PostgresError` (`decoding`) for a text that is no key.
    public init(postgres cell: PostgresCell) throws {
        let text = try String(postgres: cell)
        do {
            try self.init(text)
        } catch let error as WaymarkError {
            throw cell.mismatch(Self.self, error.message)
        }
    }
}

/// As `String`: the text.
extension Scope: PostgresCodable, PostgresArrayElement, PostgresArrayDecodable {
    public static var postgresType: PostgresType { String.postgresType }
    public static var postgresFormat: PostgresFormat { String.postgresFormat }
    public static var postgresElementType: PostgresType { String.postgresElementType }
    public static var postgresArrayType: PostgresType { String.postgresArrayType }

    public func encode(into buffer: inout [UInt8]) {
        description.encode(into: &buffer)
    }

    public func encodeElement(into buffer: inout [UInt8]) throws {
        try description.encodeElement(into: &buffer)
    }

    /// - Throws: `PostgresError` (`decoding`) for a text that is no scope.
    public init(postgres cell: PostgresCell) throws {
        let text = try String(postgres: cell)
        do {
            try self.init(text)
        } catch let error as WaymarkError {
            throw cell.mismatch(Self.self, error.message)
        }
    }
}
