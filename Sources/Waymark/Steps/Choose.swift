/// Goes one of several ways, which an enum decides on. The ways are what a `switch` over its cases gives, so that none can
/// be forgotten; all take the same and give the same.
///
/// ```swift
/// Choose("payment_routed", by: \Order.method) { method in
///     switch method {
///     case .card: ForeignCall("charged", .keyed(horizon: .hours(24)), charge)
///     case .invoice: AtomicPhase("invoiced", writeInvoice)
///     }
/// }
/// ```
///
/// What was decided is committed before anything on that way begins.
public struct Choose<Case: RawRepresentable & CaseIterable & Sendable, Way: Step>: NamedStep
where Case.RawValue == String {
    public typealias Input = Way.Input
    public typealias Output = Way.Output

    public var options = StepOptions()
    let name: String
    let choice: @Sendable (Way.Input) -> Case
    let ways: @Sendable (Case) -> Way

    /// - Parameters:
    ///   - name: the recovery point, stored; unique in the saga and never reused for something else.
    ///   - choice: which case it is. The raw value is stored.
    ///   - ways: the steps of each case; called for all of them when the saga is declared.
    public init(
        _ name: String, by choice: @escaping @Sendable (Way.Input) -> Case,
        @StepBuilder _ ways: @escaping @Sendable (Case) -> Way
    ) {
        self.name = name
        self.choice = choice
        self.ways = ways
    }

    public func declare(into steps: inout StepList) {
        let (name, choice) = (self.name, self.choice)
        let branches = Case.allCases.map { one in
            DeclaredBranch(label: one.rawValue, steps: StepList.collecting(ways(one)))
        }
        // A choice's output is the case; what goes in goes on to the way that was chosen.
        steps.append(
            declared(name, .choice, branches: branches, body: .choice { choice(cast($0, for: name)).rawValue }))
    }
}

/// One of two ways, as `StepBuilder` makes it of `if` and `switch`.
public enum Either<First: Step, Second: Step>: Step
where First.Input == Second.Input, First.Output == Second.Output {
    public typealias Input = First.Input
    public typealias Output = First.Output

    case first(First)
    case second(Second)

    public func declare(into steps: inout StepList) {
        switch self {
        case .first(let first): first.declare(into: &steps)
        case .second(let second): second.declare(into: &steps)
        }
    }
}

/// No step at all: the way of a case in which nothing is to be done.
public struct Skip<Value: Codable & Sendable>: Step {
    public typealias Input = Value
    public typealias Output = Value

    public init() {}

    public func declare(into steps: inout StepList) {}
}
