/// A saga that cannot run as declared.
public struct SagaDeclarationError: Error, Sendable, CustomStringConvertible {
    public let saga: String
    /// One sentence a problem, each naming the step it is about.
    public let problems: [String]

    public var description: String {
        "saga '\(saga)' cannot run as declared: " + problems.joined(separator: "; ")
    }
}

extension SagaDeclaration {
    /// Everything that is wrong with a declaration, not only the first thing.
    /// - Parameters:
    ///   - removed: the steps that it says are removed.
    ///   - changes: the versions in which its request's type changed.
    static func problems(
        name: String, version: Int, steps: [DeclaredStep], removed: [String], changes: [Int]
    ) -> [String] {
        var problems: [String] = []
        if !isStorableName(name) {
            problems.append(
                "the saga's name '\(name)' is not 1 to \(Limits.nameLength) characters of a-z, 0-9, _ and -")
        }
        if version < 1 { problems.append("the saga's version is \(version); it counts from 1") }
        for change in changes where !isChange(change, upTo: version) {
            problems.append("its request changed in version \(change), and the saga's version is \(version)")
        }
        if steps.isEmpty { problems.append("it has no steps") }
        let plan = StepPlan(steps)
        let all = plan.steps
        if all.count > Limits.stepsPerSaga {
            problems.append("it has \(all.count) steps; the limit is \(Limits.stepsPerSaga)")
        }
        var seen: Set<String> = []
        for step in all {
            for name in [step.name] + step.formerNames where !seen.insert(name).inserted {
                problems.append("step '\(name)': another step has the same recovery point")
            }
            problems += self.problems(of: step, version: version) + self.problems(inside: step)
        }
        for name in removed where seen.contains(name) {
            problems.append("step '\(name)' is declared, and among the removed steps")
        }
        for last in all.indices where plan.line(of: last) == StepPlan.main && plan.isLast(last) {
            guard plan[last].compensation != nil else { continue }
            problems.append(
                "step '\(plan[last].name)': the last step is never undone; its compensation would never run")
        }
        for last in choicesAtEnd(of: steps) {
            problems.append("step '\(last.name)': the saga would end with a choice; each way needs a step")
        }
        return problems
    }

    /// The choices with which a sequence would end, because a way of theirs has no step.
    private static func choicesAtEnd(of steps: [DeclaredStep]) -> [DeclaredStep] {
        guard let last = steps.last, case .choice = last.kind else { return [] }
        let own = last.branches.contains(where: \.steps.isEmpty) ? [last] : []
        return own + last.branches.flatMap { choicesAtEnd(of: $0.steps) }
    }

    /// Versions before it recorded another type: there must be some, and the saga must have come that far.
    private static func isChange(_ change: Int, upTo version: Int) -> Bool { change >= 2 && change <= version }

    /// What is wrong with a step's branches, beside their steps.
    private static func problems(inside step: DeclaredStep) -> [String] {
        var problems: [String] = []
        switch step.kind {
        case .parallel where !(2...6).contains(step.branches.count):
            problems.append("it has \(step.branches.count) branches; a Parallel has 2 to 6")
        case .forEach(let concurrency) where concurrency < 1:
            problems.append("its concurrency is \(concurrency); at least 1 is needed")
        case .choice where Set(step.branches.map(\.label)).count < step.branches.count:
            problems.append("two of its cases have the same raw value")
        default: break
        }
        switch step.kind {
        case .parallel, .forEach:
            if step.branches.contains(where: \.steps.isEmpty) { problems.append("a branch of it has no step") }
            if case .parallel = step.kind { problems += self.problems(ofBranches: step.branches.map(\.label)) }
            if step.branches.flatMap({ StepPlan($0.steps).steps }).contains(where: \.isGroup) {
                problems.append("a Parallel or ForEach is inside of it; make that a child saga")
            }
            for last in step.branches.flatMap({ choicesAtEnd(of: $0.steps) }) {
                problems.append("its branch would end with the choice '\(last.name)'; each way needs a step")
            }
        default: break
        }
        return problems.map { "step '\(step.name)': \($0)" }
    }

    /// Earlier releases stored branches by their positions, so a number would not tell which of the two it is.
    private static func problems(ofBranches names: [String]) -> [String] {
        var seen: Set<String> = []
        return names.filter { !$0.isEmpty }.compactMap { name in
            if !seen.insert(name).inserted { return "two of its branches are named '\(name)'" }
            if !isStorableName(name) {
                return "its branch's name '\(name)' is not 1 to \(Limits.nameLength) characters of a-z, 0-9, _ and -"
            }
            guard name.utf8.allSatisfy({ UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }) else { return nil }
            return "its branch's name '\(name)' is a number: give it another with Branch(\"…\")"
        }
    }

    private static func problems(of step: DeclaredStep, version: Int) -> [String] {
        var problems: [String] = []
        for name in [step.name] + step.formerNames {
            if name == started || name == finished {
                problems.append("step '\(name)': the recovery points '\(started)' and '\(finished)' are reserved")
            } else if !isStorableName(name) {
                problems.append(
                    "step '\(name)': a recovery point is 1 to \(Limits.nameLength) characters of a-z, 0-9, _ and -")
            }
        }
        for change in step.outputChanges where !isChange(change, upTo: version) {
            problems.append(
                "step '\(step.name)': its output changed in version \(change), and the saga's version is \(version)")
        }
        if case .foreignCall(.atMostOnce) = step.kind, step.body.reconcile == nil, step.exhaustion != .park {
            problems.append(
                """
                step '\(step.name)': it is called at most once and declares no reconcile, so nobody knows whether a failed \
                call happened; orElse and rejectWhenExhausted need a reconcile
                """)
        }
        for modifier in step.repeatedModifiers {
            problems.append("step '\(step.name)': \(modifier) is declared twice; one of the two would be ignored")
        }
        if let bytes = step.outputBytes, bytes < 1 {
            problems.append("step '\(step.name)': its output takes \(bytes) bytes at most; that must be positive")
        }
        problems += (step.service?.problems ?? []).map { "step '\(step.name)': \($0)" }
        problems += self.problems(of: step.kind, step.retry, step.timeout).map { "step '\(step.name)': \($0)" }
        if let undo = step.compensation {
            problems += self.problems(of: undo.kind, undo.retry, undo.timeout)
                .map { "compensation of step '\(step.name)': \($0)" }
        }
        return problems
    }

    private static func problems(
        of kind: DeclaredStep.Kind, _ retry: RetryPolicy, _ timeout: Duration
    ) -> [String] {
        var problems: [String] = []
        if timeout <= .zero { problems.append("its timeout is \(timeout); it must be positive") }
        if timeout > Limits.duration { problems.append("its timeout is \(timeout); \(Limits.duration) at most") }
        if case .sleep(let duration?) = kind, duration > Limits.duration {
            problems.append("it sleeps for \(duration); \(Limits.duration) at most")
        }
        if retry.attempts < 1 { problems.append("it allows \(retry.attempts) attempts; at least 1 is needed") }
        if retry.base < .zero || retry.cap < retry.base {
            problems.append("its retry delays run from \(retry.base) to \(retry.cap)")
        }
        if case .foreignCall(.keyed(let horizon, _)) = kind, horizon <= timeout {
            problems.append("its horizon of \(horizon) is not longer than its timeout of \(timeout)")
        }
        if case .foreignCall(.atMostOnce(let settling)) = kind, settling < .zero {
            problems.append("its settling time is \(settling)")
        }
        if let elapsed = retry.elapsed, elapsed <= .zero {
            problems.append("its retries end within \(elapsed); that must be positive")
        }
        return problems
    }

    /// Names are stored, printed, put into URLs and metrics: one plain alphabet for all.
    private static func isStorableName(_ name: String) -> Bool {
        (1...Limits.nameLength).contains(name.utf8.count)
            && name.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
                case UInt8(ascii: "_"), UInt8(ascii: "-"): true
                default: false
                }
            }
    }
}
