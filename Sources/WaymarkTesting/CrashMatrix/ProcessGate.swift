import Synchronization
import Waymark
import WaymarkEngine

/// Stands for one process: everything that it is about to do to the world passes through here, and can be stopped.
package final class ProcessGate: Sendable {
    /// The process in which the current task runs.
    @TaskLocal static var current: ProcessGate?

    /// What is done to it, and where: at the first boundary that `isDue` holds for.
    package struct Plan: Sendable {
        let fault: CrashFault
        let isDue: @Sendable (CrashBoundary) -> Bool

        /// At the first boundary from this one on that the fault can be at.
        /// - Parameter calledOnce: the steps that call at most once. Nothing helps a process that stands still right before it
        ///   sends such a call.
        package init(_ fault: CrashFault, at number: Int, calledOnce: Set<String> = []) {
            self.fault = fault
            isDue = { boundary in
                boundary.number >= number && fault.applies(to: boundary, calledOnce: calledOnce)
            }
        }

        /// Stands still as soon as it has taken a request over.
        static let afterClaim = Plan(fault: .zombie) {
            $0.kind == .answer && $0.text.hasPrefix(KeyStatements.claimDueBeginning)
        }

        private init(fault: CrashFault, isDue: @escaping @Sendable (CrashBoundary) -> Bool) {
            self.fault = fault
            self.isDue = isDue
        }
    }

    /// What whoever has arrived at a boundary is to do.
    enum Order: Sendable, Equatable {
        case pass
        case fail(sqlState: String)
        case cut
        case loseAnswer
    }

    private enum Life { case running, frozen, dead, over }

    private struct State {
        var life = Life.running
        var isFinished = false
        /// Calls of foreign systems that do not stand still: between its boundaries nothing can stop one.
        var callsUnderWay = 0
        var isCounting = false
        var step = SagaDeclaration.started
        var trail: [CrashBoundary] = []
        var struck: CrashBoundary?
        /// Whoever arrived while the process stood still.
        var halted: [(continuation: CheckedContinuation<Void, Never>, isInCall: Bool)] = []
        /// Whoever waits for the fault, or for the end of the work.
        var watchers: [CheckedContinuation<Void, Never>] = []

        /// Whether nothing happens any more, for whatever reason.
        var isStill: Bool { life == .over || life != .running && callsUnderWay <= 0 }
    }

    private let plan: Plan?
    /// Ends a session of the server's.
    private let terminate: @Sendable (_ serverProcessID: Int) async throws -> Void
    /// Is told of each boundary, before anything happens there.
    private let watch: (@Sendable (CrashBoundary) async throws -> Void)?
    private let state = Mutex(State())

    package convenience init(plan: Plan?) {
        self.init(plan: plan) { _ in }
    }

    init(
        plan: Plan?, watch: (@Sendable (CrashBoundary) async throws -> Void)? = nil,
        terminate: @escaping @Sendable (Int) async throws -> Void
    ) {
        self.plan = plan
        self.watch = watch
        self.terminate = terminate
    }

    /// The boundaries that it has come to.
    package var trail: [CrashBoundary] { state.withLock { $0.trail } }

    /// Where the fault was.
    package var struck: CrashBoundary? { state.withLock { $0.struck } }

    /// Whether it stands still, for whatever reason, and nothing that it called for is under way.
    var isStill: Bool { state.withLock { $0.isStill } }

    /// From now on boundaries count.
    package func begin() { state.withLock { $0.isCounting = true } }

    /// The step whose call the current task makes: beside a branch's call another branch may begin a step.
    @TaskLocal private static var step: String?
    /// Whether the current task is in the midst of a call.
    @TaskLocal private static var isInCall = false

    private func enter(step: String) { state.withLock { $0.step = step } }

    /// Says that something is about to happen, and waits while the process stands still.
    /// - Throws: `CancellationError` once the process is over.
    func arrive(_ kind: CrashBoundary.Kind, _ text: String, serverProcessID: Int? = nil) async throws -> Order {
        try await haltWhileStill()
        let (reached, fault) = state.withLock { state -> (CrashBoundary?, CrashFault?) in
            guard state.isCounting else { return (nil, nil) }
            let boundary = CrashBoundary(
                number: state.trail.count + 1, kind: kind, step: Self.step ?? state.step,
                text: CrashBoundary.shortened(text))
            state.trail.append(boundary)
            guard let plan, state.struck == nil, plan.isDue(boundary) else {
                return (boundary, nil)
            }
            state.struck = boundary
            if plan.fault == .crash { state.life = .dead }
            if plan.fault == .zombie || plan.fault == .overtaken { state.life = .frozen }
            return (boundary, plan.fault)
        }
        if let reached { try await watch?(reached) }
        switch fault {
        case nil: return .pass
        case .crash, .zombie, .overtaken:
            wakeWatchers()
            try await haltWhileStill()
            return .pass
        case .connectionLost: return .cut
        case .backendTerminated:
            guard let serverProcessID else {
                preconditionFailure("a statement goes to a server that has introduced itself")
            }
            try await terminate(serverProcessID)
            return .pass
        case .serializationFailure, .deadlock, .statementTimeout: return .fail(sqlState: fault?.sqlState ?? "")
        case .answerLost: return .loseAnswer
        }
    }

    private func haltWhileStill() async throws {
        await withCheckedContinuation { continuation in
            let goesOn = state.withLock { state in
                let goesOn = state.life == .running || state.life == .over
                if !goesOn {
                    state.halted.append((continuation, Self.isInCall))
                    if Self.isInCall { state.callsUnderWay -= 1 }
                }
                return goesOn
            }
            if goesOn { continuation.resume() } else { wakeWatchers() }
        }
        if state.withLock({ $0.life != .running }) { throw CancellationError() }
    }

    /// Has a frozen process go on.
    package func thaw() {
        if state.withLock({ $0.life == .frozen }) { resume(as: .running) }
    }

    /// Ends the process: whatever still wants to do something is told that it is cancelled.
    package func end() { resume(as: .over) }

    private func resume(as life: Life) {
        let halted = state.withLock { state in
            state.life = life
            state.callsUnderWay += state.halted.count { $0.isInCall }
            defer { state.halted = [] }
            return state.halted
        }
        for halted in halted { halted.continuation.resume() }
        wakeWatchers()
    }

    /// Returns when the fault has struck and the process stands still, or when `finish` was called. What it called for is over
    /// then: for others time is made to pass, and a foreign system that is at work on it has none of that.
    package func waitUntilStill() async {
        await withCheckedContinuation { continuation in
            let isStill = state.withLock { state in
                let isStill = state.isStill || state.isFinished
                if !isStill { state.watchers.append(continuation) }
                return isStill
            }
            if isStill { continuation.resume() }
        }
    }

    /// The process has done its work.
    package func finish() {
        state.withLock { $0.isFinished = true }
        wakeWatchers()
    }

    private func wakeWatchers() {
        let watchers = state.withLock { state in
            guard state.isStill || state.isFinished else { return [CheckedContinuation<Void, Never>]() }
            defer { state.watchers = [] }
            return state.watchers
        }
        for watcher in watchers { watcher.resume() }
    }
}

extension ProcessGate {
    /// Has every step of a saga arrive here before it calls a foreign system, and after.
    func instrument(_ declaration: SagaDeclaration) -> SagaDeclaration {
        declaration.mappingBodies { name, body in
            switch body {
            case .phase(let run):
                return .phase { input, transaction in
                    self.enter(step: name)
                    return try await run(input, transaction)
                }
            case .writes(let run):
                return .writes { input, writes in
                    self.enter(step: name)
                    return try run(input, &writes)
                }
            case .call(let run, let reconcile):
                let asking = reconcile.map { ask -> StepBody.Reconcile in
                    { input, call in
                        try await self.around(CrashBoundary.question, of: name) { try await ask(input, call) }
                    }
                }
                return .call(
                    { input, call in try await self.around("call", of: name) { try await run(input, call) } },
                    reconcile: asking)
            default: return body
            }
        }
    }

    private func around<Value: Sendable>(
        _ text: String, of step: String, _ body: () async throws -> Value
    ) async throws -> Value {
        enter(step: step)
        return try await Self.$step.withValue(step) { try await around(text, body) }
    }

    /// Does something to a foreign system, between two boundaries.
    func around<Value: Sendable>(_ text: String, _ body: () async throws -> Value) async throws -> Value {
        let value = try await callUnderWay {
            _ = try await arrive(.call, text)
            return try await body()
        }
        if try await arrive(.effect, text) == .loseAnswer { throw TransientError("the answer was lost") }
        return value
    }

    private func beginsCall() -> Bool {
        state.withLock { state in
            guard state.life == .running else { return false }
            state.callsUnderWay += 1
            return true
        }
    }

    private func callUnderWay<Value: Sendable>(_ body: () async throws -> Value) async throws -> Value {
        if Self.isInCall { return try await body() }
        // Where the process stands still, no call begins: it would be under way for a moment, until it halts.
        while !beginsCall() { try await haltWhileStill() }
        defer {
            state.withLock { $0.callsUnderWay -= 1 }
            wakeWatchers()
        }
        return try await Self.$isInCall.withValue(true, operation: body)
    }
}
