public import PostgresPQ

/// Local mutations in one ACID transaction, which also commits the step's recovery point and output.
///
/// The body gets a `Transaction` and nothing with which to call out. It may run more than once (a serialization
/// conflict, a crash before COMMIT) but commits at most once: a holder that lost its lease cannot commit at all.
public struct AtomicPhase<Input: Codable & Sendable, Output: Codable & Sendable>: ConfigurableStep {
    public var options = StepOptions(timeout: .seconds(10))
    let name: String
    let body: @Sendable (Input, Transaction) async throws -> Output
    var isolation: PostgresIsolation = .readCommitted

    /// - Parameters:
    ///   - name: the recovery point, stored; unique in the saga and never reused for something else.
    ///   - body: a method reference, or a closure with annotated parameters.
    public init(_ name: String, _ body: @escaping @Sendable (Input, Transaction) async throws -> Output) {
        self.name = name
        self.body = body
    }

    /// The isolation level of the phase's transaction; READ COMMITTED unless declared. A phase that fails with
    /// 40001 or 40P01 is rerun in place.
    public func isolation(_ isolation: PostgresIsolation) -> Self {
        var copy = self
        copy.isolation = isolation
        return copy
    }

    public func declare(into steps: inout StepList) {
        let (name, body) = (self.name, self.body)
        steps.append(
            declared(
                name, .atomicPhase(isolation),
                body: .phase { input, transaction in
                    try await StepValue(output: body(cast(input, for: name), transaction))
                }))
    }
}
