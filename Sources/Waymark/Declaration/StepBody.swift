package import Foundation

/// What runs when a step or a compensation is performed, with its types erased.
package enum StepBody: Sendable {
    package typealias Reconcile = @Sendable (any Sendable, Call) async throws -> Reconciliation<StepValue>

    case phase(@Sendable (any Sendable, Transaction) async throws -> StepValue)
    /// A phase that awaits nothing of the database.
    case writes(@Sendable (any Sendable, inout Writes) throws -> StepValue)
    case call(@Sendable (any Sendable, Call) async throws -> StepValue, reconcile: Reconcile?)
    /// When the sleeper wakes.
    case sleep(@Sendable (any Sendable) -> Wake)
    case wait(EventBody)
    case child(ChildBody)
    /// The label of the branch to take.
    case choice(@Sendable (any Sendable) -> String)
    /// Makes the group's output from its branches'.
    case parallel(join: @Sendable ([any Sendable]) throws -> StepValue)
    case forEach(ElementsBody)

    package var reconcile: Reconcile? {
        if case .call(_, let reconcile) = self { reconcile } else { nil }
    }
}

/// When a sleeping request goes on.
package enum Wake: Sendable, Equatable {
    case after(Duration)
    case at(Date)
}

/// A step that waits for an event from outside.
package struct EventBody: Sendable {
    /// What the event's payload must decode as.
    package let decode: @Sendable (JSONValue) throws -> any Sendable
    package let eventType: String
    /// The step's output from its input and the event; from nil when the time is over.
    package let receive: @Sendable (any Sendable, (any Sendable)?) throws -> StepValue
}

/// A step that has another saga do something, and waits for its answer.
package struct ChildBody: Sendable {
    package let version: Int
    package let request: @Sendable (any Sendable) throws -> StepValue
    /// What the child's response must decode as.
    package let decode: @Sendable (String) throws -> any Sendable
    /// The step's output from its input and the child's response.
    package let receive: @Sendable (any Sendable, String) throws -> StepValue
}

/// A step that does the same for each element of an array.
package struct ElementsBody: Sendable {
    /// The elements of an input, as they are stored when the step begins.
    package let elements: @Sendable (any Sendable) throws -> (count: Int, stored: StepValue)
    /// The elements from where they were stored.
    package let decode: @Sendable (String) throws -> [any Sendable]
    package let join: @Sendable (any Sendable, [any Sendable]) throws -> StepValue
}
