public import PostgresPQ

/// A step as data: what can be said of it without running it, and the erased body that runs it.
public struct DeclaredStep: Sendable {
    /// What a step does to the world.
    public enum Kind: Sendable, Hashable {
        /// Local mutations in one transaction of this isolation level.
        case atomicPhase(PostgresIsolation)
        /// A mutation of somebody else's system.
        case foreignCall(Idempotence)
    }

    /// The recovery point that the step's commit writes.
    public let name: String
    public let kind: Kind
    public let retry: RetryPolicy
    /// How long one attempt may take.
    public let timeout: Duration
    public let compensation: DeclaredCompensation?
    /// The type names of what the step takes and gives, for people.
    public let inputType: String
    public let outputType: String

    package let body: StepBody
    package let decodeInput: @Sendable (String) throws -> any Sendable
    package let decodeOutput: @Sendable (String) throws -> any Sendable
}

/// The declared undo of a step.
public struct DeclaredCompensation: Sendable {
    public let kind: DeclaredStep.Kind
    public let retry: RetryPolicy
    public let timeout: Duration
    package let body: StepBody

    /// The recovery point that undoing the step named `step` commits.
    public static func recoveryPoint(undoing step: String) -> String {
        "\(step):undone"
    }
}

/// What runs when a step or a compensation is performed.
package enum StepBody: Sendable {
    case phase(@Sendable (any Sendable, Transaction) async throws -> StepValue)
    case call(@Sendable (any Sendable, Call) async throws -> StepValue)
}

/// What a step returned, and its committed form.
package struct StepValue: Sendable {
    package let value: any Sendable
    package let json: String

    /// - Throws: `EncodingError`, or `WaymarkError` (`invalidJSON`), when `value` cannot be stored.
    package init(encoding value: some Codable & Sendable) throws {
        self.value = value
        self.json = try JSONCoding.encodeForStorage(value)
    }

    package init(value: any Sendable, json: String) {
        self.value = value
        self.json = json
    }

    /// What a step's body returned.
    /// - Throws: `UnstorableOutput`, so that it is not mistaken for an error of the body's own.
    init(output value: some Codable & Sendable) throws {
        do {
            try self.init(encoding: value)
        } catch {
            throw UnstorableOutput(description: "\(error)")
        }
        if json.utf8.count > Limits.valueBytes {
            throw UnstorableOutput(description: "\(json.utf8.count) bytes; \(Limits.valueBytes) at most")
        }
    }

    /// What a compensation returns.
    package static let nothing = StepValue(value: Nothing(), json: "null")

    private struct Nothing: Sendable {}
}

/// A step's output cannot be stored: no further attempt will mend that.
package struct UnstorableOutput: Error, CustomStringConvertible {
    package let description: String
}
