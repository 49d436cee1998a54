import Foundation
import Staging

/// What came of a run.
struct Outcome: Sendable {
    let sagas: Int
    let repeats: Int
    let blows: Blows.Record
    let cuts: Int
    let duringChaos: Double
    let recovery: Recovery
    /// From the last request to the end of everything begun; nil when that took too long.
    let settling: Duration?
    let verdict: Verdict
    /// What the processes did that they should not have.
    let complaints: [String]
    let schedule: Schedule

    /// Whether nothing is wrong with it.
    var isGood: Bool { problems.isEmpty }

    /// Everything that is wrong, each in a sentence.
    var problems: [String] {
        var problems = verdict.problems + complaints
        if settling == nil { problems.append("not settled: not everything begun was over after \(Schedule.patience)") }
        if recovery.time == nil {
            let paces = recovery.paces.map { $0.map(Self.number).joined(separator: "-") }.joined(separator: " ")
            problems.append(
                "not recovered: \(Self.number(recovery.before)) sagas/s before, and not "
                    + "\(Self.number(Recovery.share * recovery.before)) within \(schedule.recoveryLimit): \(paces)")
        }
        let reached = Schedule.Reach(
            sagas: sagas, kills: blows.killed, postgresStops: blows.postgresStops, cuts: cuts)
        return problems + schedule.reach.missing(from: reached)
    }

    /// The last line.
    var line: String {
        let recovered = recovery.time.map { "in \(Self.seconds($0)) s" } ?? "not in \(schedule.recoveryLimit)"
        return "sagas \(sagas)  kills \(blows.killed)  postgres stops \(blows.postgresStops)  cut connections \(cuts)  "
            + "lost \(verdict.lost)  duplicated \(verdict.duplicated)  wrong answers \(verdict.wrongAnswers)  "
            + "recovered \(recovered)"
    }

    /// What happened besides.
    var table: String {
        let claims = verdict.facts.keys.map(\.claims)
        let kills = blows.kills.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", ")
        let rows = [
            ("kills", kills),
            ("processes frozen past their lease", "\(blows.freezes)"),
            ("sessions terminated", "\(blows.terminatedBackends)"),
            ("faults of the lines", "\(blows.lineFaults)"),
            ("faults of the sandbox", "\(verdict.facts.sandbox.summary.faults.values.reduce(0, +))"),
            ("finished, rejected, parked", "\(verdict.finished), \(verdict.rejected), \(verdict.parked)"),
            ("answers repeated", "\(repeats)"),
            ("sagas taken over", "\(claims.count { $0 > 1 })"),
            ("most claims of one saga", "\(claims.max() ?? 0)"),
            (
                "sagas a second: before, in it, after",
                [recovery.before, duringChaos, recovery.after].map(Self.number).joined(separator: ", ")
            ),
            ("settled after", settling.map { "\(Self.seconds($0)) s" } ?? "not"),
        ]
        return rows.map { "  " + $0.0.padding(toLength: 40, withPad: " ", startingAt: 0) + $0.1 }
            .joined(separator: "\n")
    }

    private static func seconds(_ duration: Duration) -> String { number(duration / .seconds(1)) }

    private static func number(_ value: Double) -> String { String(format: "%.1f", value) }
}
