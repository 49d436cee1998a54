/// A request that crosses system boundaries, declared as a chain of typed steps.
///
/// ```swift
/// struct BookRide: Saga {
///     static let name = "book-ride"
///     let payments: any PaymentGateway
///
///     var body: some Step<RideRequest, Confirmation> {
///         AtomicPhase("ride_created", createRide)
///         ForeignCall("charge_created", .keyed(horizon: .hours(24)), charge)
///         AtomicPhase("receipt_staged", stageReceipt)
///     }
/// }
/// ```
///
/// After each step its output and its recovery point are committed together; whatever dies, the request goes on
/// behind its last recovery point. The first step's input is the request, the last step's output the response.
/// Dependencies are plain properties of the saga.
public protocol Saga: Sendable {
    associatedtype Body: Step

    /// The stored name: never derived from the type's name and never reused for another saga.
    static var name: String { get }

    /// The version of the declaration, stored with each request and each recorded output, so that a later version can read
    /// what an earlier one wrote: count it up with `renamed(from:)`, `outputChanged(in:from:_:)` or `requestChanges`. 1
    /// unless declared.
    static var version: Int { get }

    /// How to read requests that earlier versions accepted with another type. None unless declared.
    static var requestChanges: [RequestChange<Body.Input>] { get }

    /// The names of steps that earlier versions had, and of which nothing is to be undone. None unless declared.
    ///
    /// A process refuses to start beside requests that have passed a step which it does not know: it could not undo the step.
    /// One that is named here has no compensation any more.
    static var removedSteps: [String] { get }

    /// The steps, in order.
    @StepBuilder var body: Body { get }
}

extension Saga {
    /// What a client asks for: the first step's input.
    public typealias Request = Body.Input

    /// What a client gets: the last step's output.
    public typealias Response = Body.Output

    public static var version: Int { 1 }

    public static var requestChanges: [RequestChange<Request>] { [] }

    public static var removedSteps: [String] { [] }
}

/// How to read a request that an earlier version of a saga accepted.
public struct RequestChange<Request>: Sendable {
    /// The version that brought the change.
    let version: Int
    let decode: @Sendable (String) throws -> any Sendable
}

extension RequestChange where Request: Sendable {
    /// Says that versions before `version` took another type, and how to make ours of it.
    public init<Old: Decodable & Sendable>(
        in version: Int, from old: Old.Type, _ upgrade: @escaping @Sendable (Old) throws -> Request
    ) {
        self.version = version
        decode = { json in try upgrade(JSONCoding.decode(Old.self, from: json)) }
    }
}
