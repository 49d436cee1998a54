import Foundation

/// The report as people read it.
struct Table: CustomStringConvertible {
    let report: Report

    private static let header = ["what", "ours", "yardstick", "unit", "ratio", "target", "holds"]
    /// The columns that are aligned to the right.
    private static let numbers: Set = [1, 2, 4]

    var description: String {
        let lines = [Self.header] + report.rows.map(Self.cells)
        let widths = Self.header.indices.map { column in lines.map { $0[column].count }.max() ?? 0 }
        var text = circumstances
        for line in lines {
            let cells = zip(line, widths).enumerated().map { column, cell in
                let space = String(repeating: " ", count: cell.1 - cell.0.count)
                return Self.numbers.contains(column) ? space + cell.0 : cell.0 + space
            }
            text += "\n" + cells.joined(separator: "  ").trimmingSuffix { $0 == " " }
        }
        for row in report.rows {
            for problem in row.problems { text += "\n! \(row.what): \(problem)" }
        }
        return text
    }

    private var circumstances: String {
        let settings = report.postgres.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
        return """
            \(report.mode) run, \(report.processors) processors, load \(Self.number(report.loadBefore)) before, \
            \(Self.number(report.loadAfter)) after
            PostgreSQL: \(settings.joined(separator: " "))

            """
    }

    private static func cells(_ row: Row) -> [String] {
        [
            row.what, number(row.ours), number(row.yardstick), row.unit, number(row.ratio, places: 2), target(row),
            row.holds.map { $0 ? "yes" : "no" } ?? "",
        ]
    }

    private static func target(_ row: Row) -> String {
        guard let target = row.target else { return "" }
        let stretch = target.stretch.map { " (\($0.formatted()))" } ?? ""
        return "\(target.bound == .atLeast ? "≥" : "≤") \(target.value.formatted())\(stretch)"
    }

    /// Three digits or more of what matters.
    private static func number(_ value: Double?, places: Int? = nil) -> String {
        guard let value else { return "" }
        let digits = places ?? (abs(value) >= 100 ? 0 : abs(value) >= 10 ? 1 : 2)
        return value.formatted(.number.precision(.fractionLength(digits)).grouping(.never))
    }
}

extension String {
    fileprivate func trimmingSuffix(_ isTrimmed: (Character) -> Bool) -> String {
        var copy = self[...]
        while let last = copy.last, isTrimmed(last) { copy.removeLast() }
        return String(copy)
    }
}
