import Foundation
import Staging

/// The small table of what happened.
struct Summary: Sendable {
    let chaos: Chaos.Record
    let tally: Tally.Counts
    let facts: Facts
    let results: [RideResult]
    let elapsed: Duration

    /// The table, an empty line before and after it.
    var text: String {
        var lines: [String] = []
        for (title, rows) in [("what was done to it", blows), ("what the clients saw", sights), ("behind it", depths)] {
            lines.append("\n\(title)")
            for (label, value) in rows {
                lines.append("  " + label.padding(toLength: 46, withPad: " ", startingAt: 0) + value)
            }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// What the chaos and the sandbox did.
    private var blows: [(String, String)] {
        let faults = facts.sandbox.summary.faults.sorted { $0.key < $1.key }
        return [
            ("orchestrators killed with SIGKILL", "\(chaos.orchestratorKills)"),
            ("completionists killed with SIGKILL", "\(chaos.completionistKills)"),
            ("PostgreSQL stopped in the middle (immediate)", "\(chaos.databaseStops)"),
            ("rides under way at those moments", "\(chaos.ridesUnderWay)"),
            ("faults of the payment and mail service", "\(faults.reduce(0) { $0 + $1.value })"),
        ] + faults.map { ("  \($0.key)", "\($0.value)") } + [
            ("cards declined", "\(facts.sandbox.summary.declines)")
        ]
    }

    /// What came of it, from outside.
    private var sights: [(String, String)] {
        let slowest = results.max { $0.duration < $1.duration }
        return [
            ("requests sent", "\(tally.sent)"),
            ("of them retries", "\(tally.retries)"),
            ("rides sent twice at once", "\(results.filter(\.order.isDoubled).count)"),
            ("answers replayed", "\(tally.replays)"),
            ("answers 409, being worked on", "\(tally.inProgress)"),
            ("answers 503, not finished yet", "\(tally.unavailable)"),
            ("no answer: refused, lost or timed out", "\(tally.unanswered)"),
            ("median ride", Self.seconds(median)),
            ("slowest ride", slowest.map { "\(Self.seconds($0.duration)) (\($0.order.key))" } ?? "none"),
        ]
    }

    /// What the database and the ledger know beside.
    private var depths: [(String, String)] {
        [
            ("rides finished by another process", "\(facts.database.keys.filter { $0.runners > 1 }.count)"),
            ("charges repeated, and answered from memory", "\(facts.sandbox.summary.replays)"),
            ("time", Self.seconds(elapsed)),
        ]
    }

    private var median: Duration {
        let durations = results.map(\.duration).sorted()
        return durations.isEmpty ? .zero : durations[durations.count / 2]
    }

    private static func seconds(_ duration: Duration) -> String {
        duration.formatted(.units(allowed: [.seconds], width: .narrow, fractionalPart: .show(length: 2)))
    }
}
