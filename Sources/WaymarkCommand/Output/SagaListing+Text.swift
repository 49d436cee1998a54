import Foundation
import Waymark

/// A saga for people: a line for each step, those inside of others indented below them.
extension SagaListing {
    static let columns = [
        "step", "kind", "takes", "gives", "timeout", "attempts", "when used up", "service", "undone by",
    ]

    var rows: [[String]] { steps.flatMap { $0.rows(depth: 0) } }

    var title: String { "\(name), version \(version): \(request) to \(response)" }
}

extension StepListing {
    private static let indentation = "  "

    func rows(depth: Int) -> [[String]] {
        let indent = String(repeating: Self.indentation, count: depth)
        let was = formerNames.isEmpty ? "" : " (was \(formerNames.joined(separator: ", ")))"
        let own = [
            indent + name + was, kind + (isConditional ? ", may be skipped" : ""), takes, gives,
            timeoutSeconds.map { Duration.seconds($0).formattedForPeople } ?? "", attempts.map(String.init) ?? "",
            whenUsedUp?.text ?? "",
            service?.name ?? "", compensation ?? "",
        ]
        // The cases of a choice tell by themselves what they are.
        let prefix = kind == "\(DeclaredStep.Kind.parallel)" ? "branch " : ""
        let inside = branches.flatMap { branch in
            let label = [indent + Self.indentation + prefix + branch.label + ":"]
            let blank = [String](repeating: "", count: own.count - label.count)
            let steps = branch.steps.flatMap { $0.rows(depth: depth + 2) }
            return [label + (branch.steps.isEmpty ? ["nothing"] + blank.dropFirst() : blank)] + steps
        }
        return [own] + inside
    }
}

extension ExhaustionListing {
    var text: String {
        switch way {
        case .park: "parks"
        case .degrade: "goes on without"
        case .reject: "rejects" + (status.map { " with \($0)" } ?? "")
        }
    }
}

extension ServiceListing {
    /// Its limits in one process.
    var text: String {
        let limits = [
            maxConcurrent.map { "\($0) at a time" }, perSecond.map { "\($0.formatted()) a second" },
            breaker.map { breaker in
                let (pause, longest) = (breaker.pauseSeconds, breaker.longestPauseSeconds)
                return "after \(breaker.failures) failures in a row a pause of "
                    + "\(Duration.seconds(pause).formattedForPeople), up to \(Duration.seconds(longest).formattedForPeople)"
            },
        ].compactMap(\.self)
        return "service \(name): " + (limits.isEmpty ? "no limits" : limits.joined(separator: "; "))
    }
}
