import Foundation
import WaymarkEngine

extension KeyDetails {
    /// The key as `keys show` prints it.
    var text: String {
        var lines: [(String, String?)] = [
            ("id", summary.id.uuidString.lowercased()), ("scope", summary.scope), ("key", summary.key),
            ("saga", "\(summary.saga), version \(sagaVersion)"),
            ("state", summary.state.rawValue + (direction == "compensating" ? ", compensating" : "")),
            ("recovery point", summary.recoveryPoint), ("attempts", "\(summary.attempts)"), ("fence", "\(fence)"),
            ("held by", lockedBy), ("lease left", leaseSeconds.map(Self.seconds)),
            ("due in", dueSeconds.map(Self.seconds)),
            ("parked because", parkedReason), ("last error", lastError), ("answer", responseStatus.map(String.init)),
            ("created", summary.createdAt.formatted(.iso8601)),
            ("progressed", summary.progressedAt.formatted(.iso8601)),
        ]
        if let request { lines.append(("request", request)) }
        for entry in journal {
            let output = entry.output.map { ": \($0)" } ?? ""
            lines.append(("step \(entry.step)", "at \(entry.at), attempt \(entry.attempt), by \(entry.by)\(output)"))
        }
        if let response { lines.append(("response", response)) }
        let width = lines.map(\.0.count).max() ?? 0
        return lines.compactMap { name, value in
            value.map { "\(name)\(String(repeating: " ", count: width - name.count))  \($0)\n" }
        }.joined()
    }

    private static func seconds(_ seconds: Double) -> String {
        String(format: "%.1f s", seconds)
    }
}
