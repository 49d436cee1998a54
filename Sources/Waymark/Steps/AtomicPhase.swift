public import PostgresPQ

/// Local mutations in one ACID transaction, which also commits the step's recovery point and output.
///
/// The body gets a `Transaction` and nothing with which to call out. It may run more than once (a serialization
/// conflict, a crash before COMMIT) but commits at most once: a holder that lost its lease cannot commit at all.
///
/// A body that is synchronous and appends to `Writes` declares a phase that only writes, with ids that it makes itself. That
/// is the fast kind: under load, the phases of many requests share one transaction.
public struct AtomicPhase<Input: Codable & Sendable, Output: Codable & Sendable>: ConfigurableStep {
    public var options = StepOptions(timeout: .seconds(10))
    let name: String
    let body: StepBody
    var isolation: PostgresIsolation = .readCommitted

    /// - Parameters:
    ///   - name: the recovery point, stored; unique in the saga and never reused for something else.
    ///   - body: a method reference, or a closure with annotated parameters.
    public init(_ name: String, _ body: @escaping @Sendable (Input, Transaction) async throws -> Output) {
        self.name = name
        self.body = .phase { input, transaction in
            try await StepValue(output: body(cast(input, for: name), transaction))
        }
    }

    /// A phase that only writes.
    /// - Parameters:
    ///   - name: the recovery point, stored; unique in the saga and never reused for something else.
    ///   - body: a method reference, or a closure with annotated parameters. It has no side effect but its writes.
    public init(_ name: String, _ body: @escaping @Sendable (Input, inout Writes) throws -> Output) {
        self.name = name
        self.body = .writes { input, writes in try StepValue(output: body(cast(input, for: name), &writes)) }
    }

    /// The isolation level of the phase's transaction; READ COMMITTED unless declared. A phase that fails with
    /// 40001 or 40P01 is rerun in place.
    public func isolation(_ isolation: PostgresIsolation) -> Self {
        var copy = with("isolation") { _ in }
        copy.isolation = isolation
        return copy
    }

    public func declare(into steps: inout StepList) {
        var body = self.body
        // Only transactions of the same isolation can be shared, so any other runs by itself.
        if case .writes(let append) = body, isolation != .readCommitted {
            body = .phase { input, transaction in
                var writes = Writes(key: transaction.key)
                let output = try append(input, &writes)
                try await transaction.perform(writes)
                return output
            }
        }
        steps.append(declared(name, .atomicPhase(isolation), body: body))
    }
}
