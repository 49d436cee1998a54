/// A saga's declaration as data: made from its body, without running anything.
///
/// It is what start-up validation, diagrams, the CLI and the engine read.
public struct SagaDeclaration: Sendable {
    /// The recovery point of an accepted request of which no step is committed yet.
    public static let started = "started"
    /// The recovery point of a request that has its answer.
    public static let finished = "finished"

    /// What the stored names begin with of what is run once without a saga: no saga's name holds a colon.
    package static let oncePrefix = "once:"

    public let name: String
    public let version: Int
    /// The saga's own sequence; those inside choices and groups are their steps' branches.
    public private(set) var steps: [DeclaredStep]
    /// The type names of the request and the response, for people.
    public let requestType: String
    public let responseType: String

    /// The names of steps that earlier versions had, and of which nothing is to be undone.
    public let removedSteps: [String]

    package let sagaType: any Saga.Type
    package private(set) var plan: StepPlan
    /// Reads a stored request that was accepted by a version of the saga.
    package let decodeRequest: @Sendable (_ json: String, _ version: Int) throws -> any Sendable

    /// Reads and checks a saga's declaration.
    /// - Throws: `SagaDeclarationError` that lists every problem, each with the saga and the step.
    public init<S: Saga>(_ saga: S) throws {
        try self.init(saga, name: S.name)
    }

    /// The declaration of one call that is run once under a name of its own, without a saga.
    /// - Throws: `SagaDeclarationError`, as for a saga of that name.
    package init<S: Saga>(_ saga: S, once name: String) throws {
        try self.init(saga, name: name, prefix: Self.oncePrefix)
    }

    private init<S: Saga>(_ saga: S, name: String, prefix: String = "") throws {
        let changes = S.requestChanges.sorted { $0.version < $1.version }
        self.init(
            name: prefix + name, version: S.version, steps: StepList.collecting(saga.body), type: S.self,
            decodeRequest: { json, version in
                let change = changes.first { version < $0.version }
                return try change?.decode(json) ?? JSONCoding.decode(S.Request.self, from: json)
            })
        let problems = Self.problems(
            name: name, version: version, steps: steps, removed: removedSteps, changes: changes.map(\.version))
        if !problems.isEmpty { throw SagaDeclarationError(saga: self.name, problems: problems) }
    }

    private init<S: Saga>(
        name: String, version: Int, steps: [DeclaredStep], type: S.Type,
        decodeRequest: @escaping @Sendable (String, Int) throws -> any Sendable
    ) {
        self.name = name
        self.version = version
        self.steps = steps
        self.decodeRequest = decodeRequest
        requestType = String(describing: S.Request.self)
        responseType = String(describing: S.Response.self)
        removedSteps = S.removedSteps
        sagaType = type
        plan = StepPlan(steps, removed: S.removedSteps)
    }

    /// The same saga with other bodies: for tests that watch what steps do, and stop them.
    /// - Parameter map: is given the name of each step, with `RecoveryPoint`'s mark for its compensation.
    package func mappingBodies(_ map: (_ name: String, _ body: StepBody) -> StepBody) -> SagaDeclaration {
        var copy = self
        copy.steps = steps.map { $0.mappingBodies(map) }
        copy.plan = StepPlan(copy.steps, removed: removedSteps)
        return copy
    }

    /// All recovery points a request of this saga can be at, in the order in which it reaches them: forwards first,
    /// then those of compensations. The last step's commit and the last compensation's write `finished`. Those inside
    /// groups are in `groupPoints`.
    public var recoveryPoints: [String] {
        let undone = plan.steps.reversed().flatMap { $0.pointsBesideCommit(undo: true) }
        return plan.forwardPoints(of: StepPlan.main) + undone.filter { $0 != lastUndone } + [Self.finished]
    }

    /// What the compensation of the first step that has one would write, were it not the last one: nil where it is in a
    /// group, whose steps are undone in the reverse order of their commits, whatever that was.
    private var lastUndone: String? {
        guard let first = plan.steps.indices.first(where: { plan[$0].compensation != nil }),
            plan.line(of: first) == StepPlan.main
        else { return nil }
        return DeclaredCompensation.recoveryPoint(undoing: plan[first].name)
    }

    /// The recovery points that branches of groups can be at.
    public var groupPoints: [String] {
        plan.steps.indices.flatMap { index in
            switch plan[index].kind {
            case .parallel, .forEach: plan.lines(of: index).flatMap { plan.forwardPoints(of: $0).dropFirst() }
            default: [String]()
            }
        }
    }

    /// "step 2 of 3": how many of the saga's own steps are behind a request at `recoveryPoint`; nil where it is unknown.
    public func stepsBehind(_ recoveryPoint: String) -> Int? {
        switch recoveryPoint {
        case Self.started: return 0
        case Self.finished: return steps.count
        default:
            let point = RecoveryPoint(recoveryPoint)
            guard point.stage != .undone, point.stage != .undoing, let index = plan.index(named: point.step) else {
                return nil
            }
            let own = steps.firstIndex { $0.name == plan[plan.outermost(index)].name }
            return own.map { $0 + (point.stage == nil && plan.endsOutermost(index) ? 1 : 0) }
        }
    }
}
