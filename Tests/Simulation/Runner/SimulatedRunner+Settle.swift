import Foundation
import Waymark
import WaymarkEngine

extension SimulatedRunner {
    /// What became of a piece of work, beyond doubt.
    enum Settlement {
        case committed(StepValue, JournalEntry.Mark?)
        case failed(StepFailure, String)
        case lost
        case unreachable
    }

    /// The engine's: see `EngineLimits`.
    private static let conflictReruns = 5
    private static let conflictPause = 50 * .milliseconds
    private static let outageReruns = 5

    /// Performs work until it is known whether it is committed: reruns after conflicts and lost connections, in place.
    func settle(
        _ work: Work, conflicts: Int = 0, outages: Int = 0, _ attempt: @escaping (@escaping (Verdict) -> Void) -> Void
    ) {
        attempt { [self] verdict in
            if hold.isLost { return }
            switch verdict {
            case .committed(let value, let mark): progress(of: work, .committed(value, mark))
            case .failed(let failure, let error): progress(of: work, .failed(failure, error))
            case .lost: progress(of: work, .lost)
            case .unreachable: progress(of: work, .unreachable)
            case .exists, .busy: preconditionFailure("only an acceptance ends so")
            case .conflict:
                if conflicts == Self.conflictReruns {
                    return progress(of: work, .failed(.transient(retryAfter: nil), "conflicts"))
                }
                process.after(process.random.below(Self.conflictPause)) { [self] in
                    settle(work, conflicts: conflicts + 1, outages: outages, attempt)
                }
            case .uncertain:
                whereabouts(of: work) { [self] whereabouts in
                    switch whereabouts {
                    case .committed(let value): progress(of: work, .committed(value, nil))
                    case .lost: progress(of: work, .lost)
                    case .unreachable: progress(of: work, .unreachable)
                    case .notCommitted where outages == Self.outageReruns:
                        progress(of: work, .failed(.transient(retryAfter: nil), "outages"))
                    case .notCommitted:
                        settle(work, conflicts: conflicts, outages: outages + 1, attempt)
                    }
                }
            }
        }
    }

    /// On which side of its commit a piece of work is.
    enum Whereabouts {
        case committed(StepValue)
        case notCommitted
        case lost
        case unreachable
    }

    func whereabouts(of work: Work, _ reply: @escaping (Whereabouts) -> Void) {
        process.query(.read(context.id)) { [self] result in
            guard case .success(let rows) = result else { return reply(.unreachable) }
            guard let row = rows.keys.first, isOurs(row) else { return reply(.lost) }
            if row.recoveryPoint == work.from { return reply(.notCommitted) }
            guard row.recoveryPoint == work.to else { return reply(.lost) }
            process.note("s\(work.step) was committed")
            guard work.direction == .forward else { return reply(.committed(.nothing)) }
            // What was committed may be an earlier try's: the row's value counts, not the one in memory.
            guard let output = row.journal.last.flatMap(EntryText.output) else { return reply(.lost) }
            reply(.committed(StepValue(number: output)))
        }
    }

    /// Whether the row is the one that this runner holds.
    func isOurs(_ row: ModelKey) -> Bool {
        let isSame = row.context.incarnation == context.incarnation || !world.scenario.guards.contains(.incarnation)
        return isSame && row.fence == fence
    }

    func verdict(on failure: DatabaseFailure) -> Verdict {
        switch failure {
        case .conflict: .conflict
        case .guardFailed, .connectionLost: .uncertain
        case .lockTimeout, .duplicate: .failed(.transient(retryAfter: nil), "\(failure)")
        }
    }
}
