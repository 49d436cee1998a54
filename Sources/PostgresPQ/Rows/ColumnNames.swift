/// Finds the column that belongs to a property: first of exactly that name, then regardless of case and underscores.
///
/// Used by one decoding at a time; the answers are remembered for the rows to come.
final class ColumnNames {
    private let buffer: ResultBuffer
    private var found: [String: Int?] = [:]

    init(_ buffer: ResultBuffer) {
        self.buffer = buffer
    }

    var all: [String] { (0..<buffer.columnCount).map(buffer.columnName) }

    func index(_ property: String) -> Int? {
        if let known = found[property] { return known }
        let wanted = Self.folded(property)
        let index =
            buffer.columnIndex(property)
            ?? (0..<buffer.columnCount).first { Self.folded(buffer.columnName($0)) == wanted }
        found[property] = .some(index)
        return index
    }

    /// `imageURL`, `image_url` and `ImageUrl` are the same name.
    private static func folded(_ name: String) -> String {
        name.lowercased().filter { $0 != "_" }
    }
}
