import Waymark

/// What a crash matrix has tried, and found.
public struct CrashReport: Sendable {
    /// One run with one fault.
    public struct Cell: Sendable {
        let place: Int
        /// The boundary that the fault was meant for.
        let planned: CrashBoundary
        public let role: CrashRole
        /// Where the fault was. A later one than it was meant for, where that had none of its kind.
        public let boundary: CrashBoundary
        public let fault: CrashFault
        /// Whether the fault came about: where a saga's steps run side by side, a run may have fewer boundaries than the
        /// one they were counted in.
        public let isStruck: Bool
        /// How the run differs from one without a fault; one sentence each.
        public let violations: [String]
    }

    public let saga: String
    /// Every boundary of an undisturbed run, in order.
    public let boundaries: [CrashRole: [CrashBoundary]]
    public let cells: [Cell]
    /// How many runs the matrix has; fewer were made where violations ended it.
    public let planned: Int
    /// Phases and calls that this request does not come to: another request is needed to test them.
    public let untouched: [String]
    /// What differs between undisturbed runs and is not compared; one sentence for each table, and for the answer.
    public let differences: [String]
    public let duration: Duration

    /// The runs that went wrong.
    public var violations: [Cell] { cells.filter { !$0.violations.isEmpty } }
}

/// A saga does not keep its promises in the face of some fault.
public struct CrashViolations: Error, CustomStringConvertible {
    public let report: CrashReport

    public var description: String { report.description }
}

extension CrashReport.Cell {
    /// `≈` where the fault was at another boundary than it was meant for, `–` where it did not come about.
    fileprivate var mark: String {
        guard isStruck else { return "–" }
        return (boundary.kind, boundary.step, boundary.text) == (planned.kind, planned.step, planned.text) ? "✓" : "≈"
    }
}

extension CrashReport: CustomStringConvertible {
    /// The runs that went wrong, and a table of all.
    public var description: String {
        let broken = violations.map { cell in
            """
            \(cell.role.rawValue), \(cell.fault.rawValue) at \(cell.boundary):
                \(cell.violations.joined(separator: "\n    "))
            """
        }
        let stopped =
            cells.count < planned ? ["stopped after these violations; \(planned - cells.count) runs were not made"] : []
        let missed = untouched.isEmpty ? [] : ["not come to by this request: \(untouched.joined(separator: ", "))"]
        let parts = [summary] + broken + stopped + CrashRole.allCases.map(table) + missed + differences
        return parts.joined(separator: "\n")
    }

    /// The report in one line.
    public var summary: String {
        """
        saga \(saga): \(boundaries.values.map(\.count).reduce(0, +)) boundaries  \(cells.count) runs  \
        \(cells.count { !$0.isStruck }) without effect  \(violations.count) violations  \((duration.inSeconds * 10).rounded() / 10) s
        """
    }

    private func table(_ role: CrashRole) -> String {
        let faults = CrashFault.allCases.filter { fault in cells.contains { $0.fault == fault } }
        let width = 62
        let head = pad(role.rawValue, width) + faults.map { pad($0.rawValue, $0.rawValue.count + 2) }.joined()
        let runs = Dictionary(grouping: cells.filter { $0.role == role }) {
            Place(number: $0.planned.number, fault: $0.fault)
        }
        let rows = (boundaries[role] ?? []).map { boundary in
            let name = "\(boundary.number) \(boundary.step) · \(boundary.kind.rawValue) · \(boundary.text)"
            let marks = faults.map { fault in
                let cells = runs[Place(number: boundary.number, fault: fault)] ?? []
                let mark =
                    cells.isEmpty ? "" : cells.contains { !$0.violations.isEmpty } ? "✗" : cells[0].mark
                return pad(mark, fault.rawValue.count + 2)
            }
            return pad(String(name.prefix(width - 2)), width) + marks.joined()
        }
        return ([head] + rows).joined(separator: "\n")
    }

    private struct Place: Hashable {
        let number: Int
        let fault: CrashFault
    }

    private func pad(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(width - text.count, 1))
    }
}
