import Waymark

/// Checks what was committed about keys, version by version.
struct KeyHistory: Sendable {
    private let versions: [[String: JSONValue]]

    init(_ rows: [JSONValue]) {
        versions = rows.compactMap { if case .object(let row) = $0 { row } else { nil } }
    }

    /// What is wrong with it; one sentence each.
    var violations: [String] {
        let byKey = Dictionary(grouping: versions) { $0["id"] }
        return byKey.values.flatMap { versions in
            zip(versions, versions.dropFirst()).flatMap { Self.violations(from: $0, to: $1) }
        }
    }

    private static func violations(from old: [String: JSONValue], to new: [String: JSONValue]) -> [String] {
        var found: [String] = []
        let changed = { (column: String) in old[column] != new[column] }
        let (before, after) = (old["fence"]?.integer ?? 0, new["fence"]?.integer ?? 0)
        if changed("locked_at"), after <= before { found.append("a claim left the fence at \(after)") }
        // Parking raises it too, so that nothing that is still under way moves what a person looks at.
        if !changed("locked_at"), !changed("parked_reason"), after != before {
            found.append("the fence went from \(before) to \(after)")
        }
        if old["done"] == .bool(true) {
            found += ["done", "response_body", "response_status", "recovery_point", "journal", "fence"].filter(changed)
                .map { "\($0) changed after the end" }
        }
        if let (entries, more) = old["journal"]?.elements.flatMap({ old in new["journal"]?.elements.map { (old, $0) } }
        ),
            !more.starts(with: entries)
        {
            found.append("the journal was rewritten")
        }
        for case .object(let entry) in (new["journal"]?.elements ?? []).dropFirst(old["journal"]?.elements?.count ?? 0)
        where entry["by"] != old["locked_by"] {
            found.append("\(entry["step"]?.canonical ?? "") was committed by a process that had lost the key")
        }
        if old["direction"] == .string("compensating"), changed("direction") {
            found.append("the request turned round again")
        }
        return found
    }
}

extension JSONValue {
    fileprivate var integer: Int? { if case .number(let digits) = self { Int(digits) } else { nil } }

    fileprivate var elements: [JSONValue]? { if case .array(let elements) = self { elements } else { nil } }
}
