/// Stands for a foreign system in tests: does what it is told once per key, and keeps a record of it.
///
/// ```swift
/// struct FakePayments: PaymentGateway {
///     let service = RecordingService("payments")
///
///     func charge(amount: Int, …, idempotencyKey: String) async throws -> String {
///         try await service.perform("charge", key: idempotencyKey, "\(amount)")
///         return "ch_\(idempotencyKey)"
///     }
/// }
/// ```
/// An answer that is made from the call's key is the same for a repeat, and belongs to its call in whatever order concurrent
/// calls arrive. A `CrashMatrix` knows the keys of a run, and compares what was stored of them.
///
/// Within a `CrashMatrix` each run has a record of its own, and the process can be stopped before the effect, and
/// between the effect and its answer.
public final class RecordingService: Sendable {
    public let name: String
    /// How long it knows a key; for ever where nil.
    public let memory: Duration?
    private let own = ForeignWorld()

    public init(_ name: String, remembering memory: Duration? = nil) {
        self.name = name
        self.memory = memory
    }

    private var world: ForeignWorld { ForeignWorld.current ?? own }

    /// Does something, or remembers that it was done.
    /// - Parameters:
    ///   - operation: what is done.
    ///   - key: what the caller calls it: the same again changes nothing. Without one, everything is done each time.
    ///   - parameters: what it is done with, for the record.
    /// - Returns: which effect of this operation it is, from 1: the same for a repeat. Of calls that run side by side it
    ///   depends on which arrives first, so an answer is better made from the key.
    /// - Throws: `TransientError` where the matrix has the answer lost, `CancellationError` where the process is gone.
    @discardableResult
    public func perform(_ operation: String, key: String?, _ parameters: String = "") async throws -> Int {
        let perform = { [world, name, memory] in
            world.perform(operation, of: name, key: key, parameters, remembering: memory)
        }
        guard let process = ProcessGate.current else { return perform() }
        return try await process.around("\(name) \(operation)") { perform() }
    }

    /// How often the operation has had an effect; with a key, under that key.
    public func count(of operation: String, key: String? = nil) -> Int {
        world.all(of: name).count { $0.operation == operation && (key == nil || $0.key == key) }
    }
}
