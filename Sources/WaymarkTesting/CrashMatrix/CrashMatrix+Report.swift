import Synchronization
package import Waymark
import WaymarkEngine

extension CrashMatrix {
    /// The same as `run`, with the violations in the report.
    package func report(_ request: S.Request, stopAfter: Int = .max) async throws -> CrashReport {
        precondition(concurrency > 0 && !faults.isEmpty, "a matrix has faults, and a database to try them on")
        precondition(stopAfter > 0, "a matrix stops after a violation, not before")
        let start = ContinuousClock.now
        let rehearsal = try await withRun(request) { run in try await run.rehearse() }
        let cells = cells(rehearsal)
        let queue = Queue(cells, stopAfter: stopAfter)
        let done = try await withThrowingTaskGroup(of: [CrashReport.Cell].self) { group in
            for _ in 0..<concurrency {
                group.addTask {
                    try await withRun(request) { run in
                        let accepted = try await run.keepAccepted(at: rehearsal.acceptance)
                        var done: [CrashReport.Cell] = []
                        while let cell = queue.next() {
                            let end = try await run.perform(cell, rehearsal, accepted)
                            if !end.violations.isEmpty { queue.countViolation() }
                            done.append(end)
                        }
                        return done
                    }
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        return CrashReport(
            saga: S.name, boundaries: rehearsal.boundaries, cells: done.sorted { $0.place < $1.place },
            planned: cells.count, untouched: rehearsal.untouched, differences: rehearsal.volatility.told,
            duration: .now - start)
    }

    private func cells(_ rehearsal: CrashRehearsal) -> [CrashRun<S>.Cell] {
        var cells: [CrashRun<S>.Cell] = []
        for role in CrashRole.allCases {
            for boundary in rehearsal.boundaries[role] ?? [] {
                for fault in CrashFault.allCases
                where faults.contains(fault) && fault.applies(to: boundary, calledOnce: rehearsal.calledOnce) {
                    cells.append(.init(place: cells.count, role: role, boundary: boundary, fault: fault))
                }
            }
        }
        return cells
    }

    private func withRun<Result: Sendable>(
        _ request: S.Request, _ body: @escaping @Sendable (CrashRun<S>) async throws -> Result
    ) async throws -> Result {
        try await TestDatabase.with(script: script) { database in
            try await CrashStage.with(database, [saga] + others, clock: processClock, rewriting: rewrite) { stage in
                let run = CrashRun(
                    matrix: self, stage: stage, request: request, key: try IdempotencyKey("matrix"),
                    scope: try Scope("matrix"))
                return try await body(run)
            }
        }
    }
}

extension CrashMatrix {
    /// The runs that are still to be made: far apart from each other at first, so that a violation is found early wherever
    /// it is.
    private final class Queue: Sendable {
        private struct State {
            var cells: ArraySlice<CrashRun<S>.Cell>
            /// How many more violations end the matrix.
            var violationsLeft: Int
        }

        private let state: Mutex<State>

        init(_ cells: [CrashRun<S>.Cell], stopAfter: Int) {
            let spread = cells.sorted { Self.rank($0.place) < Self.rank($1.place) }
            state = Mutex(State(cells: spread[...], violationsLeft: stopAfter))
        }

        /// Multiples of the golden ratio without their integer parts fill the interval from 0 to 1 evenly, however many
        /// there are.
        private static func rank(_ place: Int) -> Double {
            (Double(place) * 0.618_033_988_749_895).truncatingRemainder(dividingBy: 1)
        }

        func next() -> CrashRun<S>.Cell? {
            state.withLock { $0.violationsLeft > 0 ? $0.cells.popFirst() : nil }
        }

        func countViolation() { state.withLock { $0.violationsLeft -= 1 } }
    }
}

/// Which process the fault is done to.
public enum CrashRole: String, Sendable, CaseIterable {
    /// The one that accepts the request.
    case orchestrator
    /// One that takes it over, right after it was accepted.
    case completionist
}

/// What undisturbed runs have shown.
struct CrashRehearsal: Sendable {
    let boundaries: [CrashRole: [CrashBoundary]]
    let expected: Observation
    let volatility: Volatility
    /// The boundary of the accepting process right behind the acceptance.
    let acceptance: Int
    /// Steps of the declaration that this request does not come to.
    let untouched: [String]
    /// The steps that call at most once.
    let calledOnce: Set<String>
}
