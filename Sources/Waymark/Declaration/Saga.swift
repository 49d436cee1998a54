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

    /// The version of the declaration, stored with each request. 1 unless declared.
    static var version: Int { get }

    /// The steps, in order.
    @StepBuilder var body: Body { get }
}

extension Saga {
    /// What a client asks for: the first step's input.
    public typealias Request = Body.Input

    /// What a client gets: the last step's output.
    public typealias Response = Body.Output

    public static var version: Int { 1 }
}
