/// A saga's declaration as data: made from its body, without running anything.
///
/// It is what start-up validation, diagrams, the CLI and the engine read.
public struct SagaDeclaration: Sendable {
    /// The recovery point of an accepted request of which no step is committed yet.
    public static let started = "started"
    /// The recovery point of a request that has its answer.
    public static let finished = "finished"

    public let name: String
    public let version: Int
    public let steps: [DeclaredStep]
    /// The type names of the request and the response, for people.
    public let requestType: String
    public let responseType: String

    package let sagaType: any Saga.Type

    /// Reads and checks a saga's declaration.
    /// - Throws: `SagaDeclarationError` that lists every problem, each with the saga and the step.
    public init<S: Saga>(_ saga: S) throws {
        var list = StepList()
        saga.body.declare(into: &list)
        name = S.name
        version = S.version
        steps = list.steps
        requestType = String(describing: S.Request.self)
        responseType = String(describing: S.Response.self)
        sagaType = S.self
        let problems = Self.problems(name: name, version: version, steps: steps)
        if !problems.isEmpty { throw SagaDeclarationError(saga: name, problems: problems) }
    }

    /// All recovery points a request of this saga can be at, in the order in which it reaches them: forwards first,
    /// then those of compensations. The last step's commit and the last compensation's write `finished`.
    public var recoveryPoints: [String] {
        let forward = [Self.started] + steps.dropLast().map(\.name)
        let undone = steps.dropLast().reversed().filter { $0.compensation != nil }.dropLast()
            .map { DeclaredCompensation.recoveryPoint(undoing: $0.name) }
        return forward + undone + [Self.finished]
    }

    /// "step 2 of 3": how many steps are behind a request at `recoveryPoint`; nil where it is unknown.
    public func stepsBehind(_ recoveryPoint: String) -> Int? {
        switch recoveryPoint {
        case Self.started: 0
        case Self.finished: steps.count
        default: steps.firstIndex { $0.name == recoveryPoint }.map { $0 + 1 }
        }
    }
}
