/// The object identifier of a data type in PostgreSQL's catalogue (`pg_type.oid`).
public struct PostgresType: RawRepresentable, Sendable, Hashable {
    public var rawValue: UInt32

    public init(rawValue: UInt32) {
        self.rawValue = rawValue
    }

    /// As a parameter: the server infers the type. As a column: a literal without a type.
    public static let unknown = PostgresType(rawValue: 0)
}

extension PostgresType {
    public static let bool = PostgresType(rawValue: 16)
    public static let bytea = PostgresType(rawValue: 17)
    public static let char = PostgresType(rawValue: 18)
    public static let name = PostgresType(rawValue: 19)
    public static let int8 = PostgresType(rawValue: 20)
    public static let int2 = PostgresType(rawValue: 21)
    public static let int4 = PostgresType(rawValue: 23)
    public static let text = PostgresType(rawValue: 25)
    public static let oid = PostgresType(rawValue: 26)
    public static let json = PostgresType(rawValue: 114)
    public static let xml = PostgresType(rawValue: 142)
    public static let float4 = PostgresType(rawValue: 700)
    public static let float8 = PostgresType(rawValue: 701)
    public static let unknownLiteral = PostgresType(rawValue: 705)
    public static let bpchar = PostgresType(rawValue: 1042)
    public static let varchar = PostgresType(rawValue: 1043)
    public static let date = PostgresType(rawValue: 1082)
    public static let timestamp = PostgresType(rawValue: 1114)
    public static let timestamptz = PostgresType(rawValue: 1184)
    public static let numeric = PostgresType(rawValue: 1700)
    public static let void = PostgresType(rawValue: 2278)
    public static let uuid = PostgresType(rawValue: 2950)
    public static let jsonb = PostgresType(rawValue: 3802)
    public static let xid8 = PostgresType(rawValue: 5069)

    static let boolArray = PostgresType(rawValue: 1000)
    static let int2Array = PostgresType(rawValue: 1005)
    static let int4Array = PostgresType(rawValue: 1007)
    static let textArray = PostgresType(rawValue: 1009)
    static let int8Array = PostgresType(rawValue: 1016)
    static let float4Array = PostgresType(rawValue: 1021)
    static let float8Array = PostgresType(rawValue: 1022)
    static let byteaArray = PostgresType(rawValue: 1001)
    static let timestamptzArray = PostgresType(rawValue: 1185)
    static let numericArray = PostgresType(rawValue: 1231)
    static let uuidArray = PostgresType(rawValue: 2951)
    static let jsonbArray = PostgresType(rawValue: 3807)
}

extension PostgresType {
    /// Types of the catalogue whose binary form is their text.
    private static let textual: Set<PostgresType> = [
        .char, .name, .text, .json, .xml, .unknownLiteral, .bpchar, .varchar,
    ]

    /// The first identifier that user-defined types (enums, citext, …) can have.
    private static let firstUserDefined: UInt32 = 16384

    var isTextual: Bool { Self.textual.contains(self) }
    var isUserDefined: Bool { rawValue >= Self.firstUserDefined }
    var isJSON: Bool { self == .json || self == .jsonb }
}

extension PostgresType: CustomStringConvertible {
    private static let names: [PostgresType: String] = [
        .bool: "bool", .bytea: "bytea", .char: "char", .name: "name", .int8: "int8", .int2: "int2", .int4: "int4",
        .text: "text", .oid: "oid", .json: "json", .float4: "float4", .float8: "float8", .bpchar: "bpchar",
        .varchar: "varchar", .date: "date", .timestamp: "timestamp", .timestamptz: "timestamptz",
        .numeric: "numeric", .void: "void", .uuid: "uuid", .jsonb: "jsonb", .xid8: "xid8",
    ]

    public var description: String { Self.names[self] ?? "type \(rawValue)" }
}

/// How a value is written on the wire.
public enum PostgresFormat: Int32, Sendable, Hashable {
    case text = 0
    case binary = 1
}
