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
    static func problems(name: String, version: Int, steps: [DeclaredStep]) -> [String] {
        var problems: [String] = []
        if !isStorableName(name) {
            problems.append(
                "the saga's name '\(name)' is not 1 to \(Limits.nameLength) characters of a-z, 0-9, _ and -")
        }
        if version < 1 { problems.append("the saga's version is \(version); it counts from 1") }
        if steps.isEmpty { problems.append("it has no steps") }
        if steps.count > Limits.stepsPerSaga {
            problems.append("it has \(steps.count) steps; the limit is \(Limits.stepsPerSaga)")
        }
        var seen: Set<String> = []
        for step in steps {
            if !seen.insert(step.name).inserted {
                problems.append("step '\(step.name)': another step has the same recovery point")
            }
            problems += self.problems(of: step)
        }
        if let last = steps.last, last.compensation != nil {
            problems.append("step '\(last.name)': the last step is never undone; its compensation would never run")
        }
        return problems
    }

    private static func problems(of step: DeclaredStep) -> [String] {
        var problems: [String] = []
        if step.name == started || step.name == finished {
            problems.append("step '\(step.name)': the recovery points '\(started)' and '\(finished)' are reserved")
        } else if !isStorableName(step.name) {
            problems.append(
                "step '\(step.name)': a recovery point is 1 to \(Limits.nameLength) characters of a-z, 0-9, _ and -")
        }
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
        if retry.attempts < 1 { problems.append("it allows \(retry.attempts) attempts; at least 1 is needed") }
        if retry.base < .zero || retry.cap < retry.base {
            problems.append("its retry delays run from \(retry.base) to \(retry.cap)")
        }
        if case .foreignCall(.keyed(let horizon)) = kind, horizon <= timeout {
            problems.append("its horizon of \(horizon) is not longer than its timeout of \(timeout)")
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
