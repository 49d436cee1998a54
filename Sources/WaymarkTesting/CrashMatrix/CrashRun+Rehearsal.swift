import Synchronization
import Waymark

extension CrashRun {
    /// Runs the request undisturbed in every role, and finds its boundaries.
    /// - Throws: `CrashMatrixError` when a run does not come to an answer, or two do not come to the same.
    func rehearse() async throws -> CrashRehearsal {
        let acceptance = Mutex<Int?>(nil)
        let (expected, trail) = try await anew { world in
            let trail = try await stage.withProcess(
                nil,
                watch: { boundary in
                    guard acceptance.withLock({ $0 == nil }), try await isAccepted else { return }
                    acceptance.withLock { $0 = boundary.number }
                }
            ) { process, orchestrator, _ in
                try await submit(orchestrator)
                return process.trail
            }
            return (try await concludeUndisturbed(world), trail)
        }
        guard let accepted = acceptance.withLock({ $0 }) else {
            throw CrashMatrixError(description: "the request is not accepted: \(expected.parts["answer"] ?? [])")
        }
        let steps = try SagaDeclaration(matrix.saga).plan.steps
        let all = try steps + matrix.others.flatMap { try Self.steps(of: $0) }
        let isConcurrent = all.contains(where: \.isGroup) || !matrix.others.isEmpty
        let orders: [TurnOrder?] = isConcurrent ? [TurnOrder(.ascending), TurnOrder(.descending)] : [nil]
        var observations = [expected]
        for order in orders { observations.append(try await observeUndisturbed(order)) }
        let beginning = try await keepAccepted(at: accepted)
        let (taken, completing) = try await anew(from: beginning) { world in
            let trail = try await stage.withProcess(nil) { process, orchestrator, _ in
                try await complete(orchestrator)
                return process.trail
            }
            return (try await concludeUndisturbed(world), trail)
        }
        let volatility = Volatility(observations)
        let differences = volatility.differences(of: taken, from: expected)
        guard differences.isEmpty else {
            throw CrashMatrixError(
                description: "differs between undisturbed runs; run by a completionist it ends otherwise: "
                    + differences.joined(separator: "; "))
        }
        let touched = Set((trail + completing).map(\.step))
        return CrashRehearsal(
            boundaries: [.orchestrator: trail, .completionist: completing], expected: expected,
            volatility: volatility, acceptance: accepted,
            untouched: steps.filter(\.hasBody).map(\.name).filter { !touched.contains($0) },
            calledOnce: Set(all.flatMap(\.calledOnce)))
    }

    private static func steps(of saga: some Saga) throws -> [DeclaredStep] {
        try SagaDeclaration(saga).plan.steps
    }

    /// Runs the request on another day and at another second, so that what goes by the clock differs too.
    /// - Parameter order: the order in which what runs side by side has its turn.
    private func observeUndisturbed(_ order: TurnOrder?) async throws -> Observation {
        try await anew { world in
            try await stage.database.clock.advance(by: .hours(25) + .milliseconds(1_234))
            try await stage.withBystander(order) { _ = try await submit($0) }
            return try await concludeUndisturbed(world, order)
        }
    }

    private func concludeUndisturbed(_ world: ForeignWorld, _ order: TurnOrder? = nil) async throws -> Observation {
        try await finish(order)
        let (observation, answers) = try await conclude(world)
        guard case .final = answers[0] else {
            throw CrashMatrixError(description: "undisturbed, the request ends with \(answers[0].json)")
        }
        return observation
    }

    /// Has a process die as soon as it has accepted the request, and keeps what is there then as a beginning.
    /// - Parameter acceptance: the boundary right behind the acceptance.
    func keepAccepted(at acceptance: Int) async throws -> Accepted {
        try await anew { world in
            let (struck, trail) = try await stage.withProcess(.init(.crash, at: acceptance)) {
                process, orchestrator, wire in
                let work = StartedWork(in: process) { _ = try await submit(orchestrator) }
                try await work.waitUntilStill()
                try await wire.sever()
                try await work.end(orchestrator)
                return (process.struck, process.trail)
            }
            let isAccepted = try await isAccepted
            guard isAccepted, struck != nil else {
                throw CrashMatrixError(
                    description: """
                        no process could be stopped right after the acceptance: the request is \(isAccepted ? "" : "not ")accepted \
                        at boundary \(acceptance) of\(trail.map { "\n  \($0)" }.joined())
                        """)
            }
            try await stage.keep(as: .accepted)
            return Accepted(effects: world.all)
        }
    }
}

extension DeclaredStep {
    /// Its name and its undo's, where they are calls that are made at most once.
    fileprivate var calledOnce: [String] {
        var names: [String] = []
        if case .foreignCall(.atMostOnce) = kind { names.append(name) }
        if compensation?.isBegunAlone == true { names.append(DeclaredCompensation.recoveryPoint(undoing: name)) }
        return names
    }

    /// Whether it runs code of the saga's that can be seen running.
    fileprivate var hasBody: Bool {
        switch kind {
        case .atomicPhase, .foreignCall: true
        case .sleep, .wait, .child, .choice, .parallel, .forEach: false
        }
    }
}
