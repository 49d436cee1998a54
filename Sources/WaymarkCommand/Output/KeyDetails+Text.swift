import Foundation
import WaymarkEngine

extension KeyDetails {
    /// Where the request goes, for one that has no answer yet.
    private var way: String {
        if direction == "compensating" { return ", compensating" }
        // A rejection is pending until the call at hand is settled.
        let isDecided = responseStatus != nil && ![.finished, .rejected].contains(summary.state)
        return isDecided ? ", to be rejected" : ""
    }

    /// The key as `keys show` prints it.
    var text: String {
        var lines: [(String, String?)] = [
            ("id", summary.id.uuidString.lowercased()), ("scope", summary.scope), ("key", summary.key),
            ("saga", "\(summary.saga), version \(sagaVersion)"),
            ("state", summary.state.rawValue + way),
            ("recovery point", summary.recoveryPoint), ("attempts", "\(summary.attempts)"), ("fence", "\(fence)"),
            ("held by", lockedBy), ("lease left", leaseSeconds.map(\.asTimeLeft)),
            ("due in", summary.dueSeconds.map(\.asTimeLeft)),
            ("parked because", parkedReason), ("last error", lastError), ("answer", responseStatus.map(String.init)),
            ("created", summary.createdAt.formatted(.iso8601)),
            ("progressed", summary.progressedAt.formatted(.iso8601)),
        ]
        if let parent { lines.append(("parent", "\(parent.id.uuidString.lowercased()), at step \(parent.step)")) }
        for child in children { lines.append(("child \(child.step)", child.text)) }
        if let request { lines.append(("request", request)) }
        for entry in journal {
            let output = entry.output.map { ": \($0)" } ?? ""
            lines.append(("step \(entry.step)", "at \(entry.at), attempt \(entry.attempt), by \(entry.by)\(output)"))
        }
        for branch in branches { lines.append(("branch \(branch.name)", branch.text)) }
        for event in events {
            let payload = event.payload.map { ": \($0)" } ?? ""
            let what = event.isTimeout ? "did not come, time over" : "arrived"
            lines.append(("event \(event.name)", "\(what) at \(event.at)\(payload)"))
        }
        for entry in audit {
            let change = "\(entry.before.text) to \(entry.after?.text ?? "removed")"
            lines.append(
                (entry.verb, "at \(entry.at.formatted(.iso8601)), by \(entry.actor): \(change): \(entry.reason)"))
        }
        if let response { lines.append(("response", response)) }
        let width = lines.map(\.0.count).max() ?? 0
        return lines.compactMap { name, value in
            value.map { "\(name)\(String(repeating: " ", count: width - name.count))  \($0)\n" }
        }.joined()
    }
}

extension KeyDetails.Child {
    fileprivate var text: String {
        let state = saga == nil ? "removed" : isDone ? "done" : parkedReason.map { "parked: \($0)" } ?? "under way"
        return [id.uuidString.lowercased(), saga.map { "saga \($0)" }, state].compactMap(\.self).joined(separator: ", ")
    }
}

extension KeyDetails.Branch {
    fileprivate var text: String {
        let parts = [
            "at \(point)", "attempt \(attempts)", dueSeconds.map { "due in \($0.asTimeLeft)" },
            event.map { "waits for \($0)" }, parkedReason.map { "parked: \($0)" },
            rejectedStatus.map { "rejected: \($0)" },
        ]
        return parts.compactMap(\.self).joined(separator: ", ")
    }
}

extension Double {
    /// Seconds as people say them: `0.4 s`, `9 min 59 s`, `2 d 23 h`. Nothing is left of what is over.
    var asTimeLeft: String {
        if self < 60 { return String(format: "%.1f s", max(self, 0)) }
        let units = [(86_400, "d"), (3600, "h"), (60, "min"), (1, "s")]
        var (left, parts) = (Int(self), [String]())
        for (length, name) in units where left >= length || !parts.isEmpty {
            if left >= length { parts.append("\(left / length) \(name)") }
            left %= length
            if parts.count == 2 { break }
        }
        return parts.joined(separator: " ")
    }
}
