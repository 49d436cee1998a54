import PostgresPQ
import Waymark

/// A call that was made, and whose result is to commit together with the phase after it.
final class UnrecordedCall: Sendable {
    let work: Work
    let value: StepValue
    /// What it will leave in the journal.
    let entry: JournalEntry

    init(work: Work, value: StepValue, entry: JournalEntry) {
        self.work = work
        self.value = value
        self.entry = entry
    }
}

/// Foreign results that commit with the next phase, which saves a transaction.
///
/// Until then the row says that the call is still to be made. Should we die, it is made once more: for a call that the
/// foreign system knows by its key, or that may be repeated by nature, that is what would happen anyway had we died a
/// moment earlier. Whatever becomes of the phase, its result is committed before anything else is.
extension Runner {
    /// The call, where its result can wait for the next phase's commit.
    @inline(never)
    func unrecordedCall(_ work: Work, _ value: StepValue) -> UnrecordedCall? {
        guard work.direction == .forward, line.isMain, !work.finishes, !engine.held.isStopping,
            case .foreignCall(let idempotence) = plan[work.step].kind, idempotence.mayRepeat
        else { return nil }
        var machine = self.machine
        guard case .perform(let next) = machine.committed(work), next.direction == .forward,
            case .atomicPhase = plan[next.step].kind, let input = try? value.read(),
            plan[next.step].condition?(input) != false
        else { return nil }
        return UnrecordedCall(work: work, value: value, entry: entry(work, value))
    }

    /// Where the row stands before `work` is committed.
    func origin(of work: Work) -> String { unrecorded?.work.from ?? work.from }

    /// Commits a call's result by itself, where the phase that it waited for was not committed.
    func recordCall(beside settlement: Settlement) async -> Progression? {
        guard let call = unrecorded else { return nil }
        unrecorded = nil
        switch settlement {
        case .committed, .lost, .unreachable: return nil
        case .called, .failed, .refused, .interrupted: break
        }
        switch await commitResult(call.work, call.value, call.entry) {
        case .committed: return nil
        case .unreachable(let error): return unreachable(error)
        default: return lost()
        }
    }
}

extension Idempotence {
    /// Whether a call whose result was not recorded is made again without asking.
    fileprivate var mayRepeat: Bool {
        switch self {
        case .natural, .keyed: true
        case .atMostOnce: false
        }
    }
}
