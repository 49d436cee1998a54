import Waymark

/// The schema that holds Waymark's tables, inside the application's database.
public struct SchemaName: Sendable, Hashable, CustomStringConvertible {
    public let description: String

    /// - Throws: `WaymarkError` unless the name is 1 to 40 characters of a-z, 0-9 and _, not beginning with a digit, so
    ///   that it can stand in SQL without quotes.
    public init(_ name: String) throws {
        let isPlain = name.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"): true
            default: false
            }
        }
        guard isPlain, (1...40).contains(name.utf8.count), let first = name.first, !first.isNumber else {
            throw WaymarkError(
                .unknownName, "a schema's name is 1 to 40 characters of a-z, 0-9 and _, and begins with no digit",
                field: "schema")
        }
        description = name
    }

    private init(trusted: String) { description = trusted }

    /// `waymark`, the default.
    public static let waymark = SchemaName(trusted: "waymark")
}
