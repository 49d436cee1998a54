/// Does two to six things at the same time, each of one or more steps, all with the same input.
///
/// ```swift
/// Parallel("prepared", join: Prepared.init) {
///     ForeignCall("label_bought", .keyed(horizon: .hours(24)), buyLabel)
///     Branch {
///         ForeignCall("pickup_booked", .keyed(horizon: .hours(24)), bookPickup)
///         AtomicPhase("pickup_noted", notePickup)
///     }
/// }
/// ```
///
/// Each branch has recovery points of its own. When one is rejected no branch begins a further step, what is under way is
/// brought to its end, and every step that was committed is undone, whatever its branch.
///
/// A branch is stored under a name: that of its first step, or one that `Branch("…")` gives it. So the order in which branches
/// are written may change while requests are inside.
public struct Parallel<Input: Codable & Sendable, Output: Codable & Sendable>: RecordedStep {
    public var options = StepOptions()
    let name: String
    let branches: [DeclaredBranch]
    let join: @Sendable ([any Sendable]) throws -> StepValue

    /// - Parameters:
    ///   - name: the recovery point, stored; unique in the saga and never reused for something else.
    ///   - join: makes the step's output from those of its branches, in their order.
    public init<each BranchOutput>(
        _ name: String, join: @escaping @Sendable (repeat each BranchOutput) throws -> Output,
        @BranchBuilder _ branches: () -> Branches<Input, repeat each BranchOutput>
    ) {
        self.name = name
        self.branches = branches().declared
        self.join = { outputs in
            var next = outputs.makeIterator()
            func take<Value>(_: Value.Type) -> Value {
                guard let output = next.next() else { preconditionFailure("'\(name)' has more branches than outputs") }
                return cast(output, for: name)
            }
            return try StepValue(output: join(repeat take((each BranchOutput).self)))
        }
    }

    public func declare(into steps: inout StepList) {
        steps.append(declared(name, .parallel, branches: branches, body: .parallel(join: join)))
    }
}

/// Several steps, one after the other, as one branch of a `Parallel`.
///
/// A branch is stored under the first name of its first step. When a later version puts another step first, give the branch the
/// name that it had: `Branch("pickup_booked") { … }`.
public struct Branch<Body: Step>: Step {
    public typealias Input = Body.Input
    public typealias Output = Body.Output

    let name: String?
    let body: Body

    /// - Parameter name: the name under which the branch is stored, unique in its `Parallel`; that of its first step unless given.
    public init(_ name: String? = nil, @StepBuilder _ body: () -> Body) {
        self.name = name
        self.body = body()
    }

    public func declare(into steps: inout StepList) {
        if let name { steps.nameBranch(name) }
        body.declare(into: &steps)
    }
}

/// The branches of a `Parallel`: what they all take, and what each gives.
public struct Branches<Input: Codable & Sendable, each Output: Codable & Sendable>: Sendable {
    let declared: [DeclaredBranch]
}

/// Collects branches: each statement is one, and all take the same input, which the compiler checks.
@resultBuilder
public enum BranchBuilder {
    public static func buildPartialBlock<First: Step>(first: First) -> Branches<First.Input, First.Output> {
        Branches(declared: [DeclaredBranch(first)])
    }

    public static func buildPartialBlock<Input, each Output, Next: Step>(
        accumulated: Branches<Input, repeat each Output>, next: Next
    ) -> Branches<Input, repeat each Output, Next.Output> where Next.Input == Input {
        Branches(declared: accumulated.declared + [DeclaredBranch(next)])
    }
}
