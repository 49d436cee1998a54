/// A part of a saga: an atomic phase, a foreign call, or steps chained together.
///
/// What a step takes and gives is `Codable`, because it is committed with the step's recovery point and read
/// back by whoever finishes the request. A step sees only what is durable; user code is never replayed.
public protocol Step<Input, Output>: Sendable {
    associatedtype Input: Codable & Sendable
    associatedtype Output: Codable & Sendable

    /// Adds this step to the saga's list, in order. Runs nothing.
    func declare(into steps: inout StepList)
}

/// The steps of a saga in the order in which they run, collected from its body.
public struct StepList: Sendable {
    package private(set) var steps: [DeclaredStep] = []
    /// The name that was given to the branch which these steps are.
    private(set) var branchName: String?

    package mutating func append(_ step: DeclaredStep) {
        steps.append(step)
    }

    /// Names the branch, where a branch around these steps has not done so.
    mutating func nameBranch(_ name: String) {
        branchName = branchName ?? name
    }

    static func collecting(_ step: some Step) -> [DeclaredStep] {
        var list = StepList()
        step.declare(into: &list)
        return list.steps
    }
}
