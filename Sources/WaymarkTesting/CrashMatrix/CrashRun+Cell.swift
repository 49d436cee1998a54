import PostgresPQ
import Synchronization
import Waymark
import WaymarkEngine

extension CrashRun {
    struct Cell: Sendable {
        let place: Int
        let role: CrashRole
        let boundary: CrashBoundary
        let fault: CrashFault
    }

    /// Runs the request once with one fault, and says what is wrong afterwards.
    func perform(_ cell: Cell, _ rehearsal: CrashRehearsal, _ accepted: Accepted) async throws -> CrashReport.Cell {
        let plan = ProcessGate.Plan(cell.fault, at: cell.boundary.number, calledOnce: rehearsal.calledOnce)
        let struck = Struck()
        var violations: [String]
        do {
            violations = try await anew(from: cell.role == .completionist ? accepted : nil) { world in
                let told = try await disturb(plan, noting: struck) { orchestrator in
                    switch cell.role {
                    case .orchestrator: return Answer(try await submit(orchestrator))
                    case .completionist:
                        try await complete(orchestrator)
                        return nil
                    }
                }
                return try await check(told: told, world, rehearsal)
            }
        } catch let error as CancellationError where Task.isCancelled {
            throw error
        } catch {
            // Whatever a run ends with that undisturbed ones do not, it is the fault's doing.
            violations = ["\(error)"]
        }
        return CrashReport.Cell(
            place: cell.place, planned: cell.boundary, role: cell.role, boundary: struck.boundary ?? cell.boundary,
            fault: cell.fault, isStruck: struck.boundary != nil, violations: violations)
    }

    /// Where a run's fault was.
    private final class Struck: Sendable {
        private let place = Mutex<CrashBoundary?>(nil)

        var boundary: CrashBoundary? { place.withLock(\.self) }

        func note(_ boundary: CrashBoundary?) { place.withLock { $0 = boundary } }
    }

    /// Does `work` in a process that the fault is done to, and has others finish the request.
    /// - Returns: what the work came to where the process survived.
    private func disturb(
        _ plan: ProcessGate.Plan, noting struck: Struck,
        _ work: @escaping @Sendable (Orchestrator) async throws -> Answer?
    ) async throws -> Answer? {
        try await stage.withProcess(plan) { process, orchestrator, wire in
            let work = StartedWork(in: process) { try await work(orchestrator) }
            defer { struck.note(process.struck) }
            try await work.waitUntilStill()
            var told: Answer??
            switch process.struck.map({ _ in plan.fault }) {
            case .crash:
                try await wire.sever()
                try await finish()
                try await work.end(orchestrator)
            case .zombie:
                try await wire.whileStill { try await finish() }
                process.thaw()
                told = try await work.value()
            case .overtaken:
                told = try await overtake(process, work, wire)
            default:
                told = try await work.value()
            }
            try await finish()
            return told ?? nil
        }
    }

    /// Has another process take the request over from one that stands still, and lets that one go on while the other has
    /// done nothing yet.
    private func overtake(
        _ process: ProcessGate, _ work: StartedWork<Answer?>, _ wire: CrashWire
    ) async throws -> Answer? {
        try await wire.whileStill {
            if try await !isAccepted { try await finish() }
        }
        let isOpen = try await !stage.database.client.query(
            "SELECT FROM waymark.keys WHERE NOT done AND parked_reason IS NULL"
        ).isEmpty
        return try await stage.withProcess(.afterClaim) { successor, orchestrator, _ in
            let successorsWork = StartedWork(in: successor) { try await complete(orchestrator) }
            try await wire.whileStill { try await successorsWork.waitUntilStill() }
            if isOpen, successor.struck == nil {
                throw CrashMatrixError(description: "nobody took the request over")
            }
            process.thaw()
            let told = try await work.value()
            successor.thaw()
            _ = try await successorsWork.value()
            return told ?? nil
        }
    }

    /// Everything that must be as without the fault.
    private func check(
        told: Answer?, _ world: ForeignWorld, _ rehearsal: CrashRehearsal
    ) async throws -> [String] {
        let (found, answers) = try await conclude(world)
        var violations = KeyHistory(try await stage.history()).violations
        if answers[0] != answers[1] { violations.append("asked twice, the answers differ: \(answers.map(\.json))") }
        if case .final? = told, told != answers[0] {
            violations.append("the process answered \(told?.json ?? "") and the row says \(answers[0].json)")
        }
        if case .parked(let reason) = answers[0], matrix.acceptedParkings.contains(reason) {
            return violations + rehearsal.volatility.surplusEffects(of: found, over: rehearsal.expected)
        }
        return violations + rehearsal.volatility.differences(of: found, from: rehearsal.expected)
    }
}
