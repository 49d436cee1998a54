public import Foundation

/// Lets time pass between two steps. A sleeping request holds no lease, no connection and no memory.
///
/// What the step before gives goes on to the step behind, so a sleep cannot be a saga's first step: `SleepUntil` can.
public struct Sleep: Pause, Hashable {
    let name: String
    let duration: Duration
    var formerNames: [String] = []

    /// - Parameters:
    ///   - name: the recovery point, stored; unique in the saga and never reused for something else.
    ///   - duration: counted from the commit that put the request to sleep.
    public init(_ name: String, for duration: Duration) {
        self.name = name
        self.duration = duration
    }

    /// Says what the step was called before, the oldest name first: see `NamedStep.renamed(from:)`.
    public func renamed(from names: String...) -> Self {
        var copy = self
        copy.formerNames += names
        return copy
    }

    public func passing<Value: Codable & Sendable>(_: Value.Type) -> SleepUntil<Value> { SleepUntil(self) }
}

/// What passes on whatever the step before it gives. Only `Sleep` does.
public protocol Pause: Sendable {
    /// The step that takes and gives a value of this type.
    func passing<Value: Codable & Sendable>(_: Value.Type) -> SleepUntil<Value>
}

/// Lets time pass until a date that the request says; none where it has passed.
public struct SleepUntil<Value: Codable & Sendable>: RecordedStep {
    public typealias Input = Value
    public typealias Output = Value

    public var options = StepOptions()
    let name: String
    let duration: Duration?
    let wake: @Sendable (Value) -> Wake

    /// - Parameters:
    ///   - name: the recovery point, stored; unique in the saga and never reused for something else.
    ///   - date: when to go on, from what the step before gave.
    public init(_ name: String, _ date: @escaping @Sendable (Value) -> Date) {
        self.init(name, for: nil) { .at(date($0)) }
    }

    init(_ sleep: Sleep) {
        self.init(sleep.name, for: sleep.duration) { _ in .after(sleep.duration) }
        options.formerNames = sleep.formerNames
    }

    private init(_ name: String, for duration: Duration?, wake: @escaping @Sendable (Value) -> Wake) {
        self.name = name
        self.duration = duration
        self.wake = wake
        // What goes in goes on.
        options.skip = { try StepValue(output: cast($0, for: name) as Value) }
    }

    public func declare(into steps: inout StepList) {
        let (name, wake) = (self.name, self.wake)
        steps.append(declared(name, .sleep(for: duration), body: .sleep { wake(cast($0, for: name)) }))
    }
}
