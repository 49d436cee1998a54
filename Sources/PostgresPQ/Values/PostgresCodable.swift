/// A type whose values can be sent as statement parameters.
public protocol PostgresEncodable: Sendable {
    /// The type that the server is told. ``PostgresType/unknown`` lets the server infer it from the context.
    static var postgresType: PostgresType { get }
    /// Whether ``encode(into:)`` writes PostgreSQL's text or binary form.
    static var postgresFormat: PostgresFormat { get }
    /// Appends the value, without length or terminator.
    ///
    /// Throws when the value has no form that PostgreSQL accepts.
    func encode(into buffer: inout [UInt8]) throws
}

extension PostgresEncodable {
    public static var postgresFormat: PostgresFormat { .binary }
}

/// A type that can be made from a column's value.
public protocol PostgresDecodable: Sendable {
    /// Makes a value from the binary form in `cell`.
    ///
    /// Throws ``PostgresError/Code/decoding`` when the column's type or value does not fit; use
    /// ``PostgresCell/mismatch(_:_:)`` and ``PostgresCell/bytes()``, which throws for NULL.
    init(postgres cell: PostgresCell) throws
}

/// A type that goes both ways.
public typealias PostgresCodable = PostgresDecodable & PostgresEncodable

extension Optional: PostgresDecodable where Wrapped: PostgresDecodable {
    /// NULL becomes `nil`.
    public init(postgres cell: PostgresCell) throws {
        self = cell.isNull ? nil : try Wrapped(postgres: cell)
    }
}
