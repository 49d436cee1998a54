/// Does the same steps for each element of an array, so many elements at the same time.
///
/// ```swift
/// ForEach("parcels_sent", over: \Order.parcels, concurrency: 4, join: Shipped.init) {
///     ForeignCall("parcel_sent", .keyed(horizon: .hours(24)), send)
/// }
/// ```
///
/// The elements are committed when the step begins, and each has recovery points and idempotency keys of its own. When one
/// is rejected no element begins a further step, what is under way is brought to its end, and every step that was
/// committed is undone. More than `Limits.elements` elements want a child saga each: `Transaction.start`.
public struct ForEach<Input: Codable & Sendable, Output: Codable & Sendable>: RecordedStep {
    public var options = StepOptions()
    let name: String
    let concurrency: Int
    let steps: [DeclaredStep]
    let body: ElementsBody

    /// - Parameters:
    ///   - name: the recovery point, stored; unique in the saga and never reused for something else.
    ///   - elements: what to do the steps for, from the step's input.
    ///   - concurrency: how many elements are worked on at the same time.
    ///   - join: makes the step's output from its input and the elements' outputs, in their order.
    public init<Body: Step>(
        _ name: String, over elements: @escaping @Sendable (Input) -> [Body.Input], concurrency: Int = 1,
        join: @escaping @Sendable (Input, [Body.Output]) throws -> Output, @StepBuilder _ body: () -> Body
    ) {
        self.name = name
        self.concurrency = concurrency
        steps = StepList.collecting(body())
        self.body = ElementsBody(
            elements: { input in
                let elements = elements(cast(input, for: name))
                return (elements.count, try StepValue(output: elements))
            },
            decode: { try JSONCoding.decode([Body.Input].self, from: $0) },
            join: { input, outputs in
                try StepValue(output: join(cast(input, for: name), outputs.map { cast($0, for: name) }))
            })
    }

    /// How many bytes the join's output takes at most, as JSON. Where nothing is declared, there must be room for the input
    /// and all elements' outputs before the first element is begun.
    public func outputBytes(atMost bytes: Int) -> Self {
        with("outputBytes") { $0.outputBytes = bytes }
    }

    public func declare(into steps: inout StepList) {
        let branch = DeclaredBranch(label: "each", steps: self.steps)
        steps.append(declared(name, .forEach(concurrency: concurrency), branches: [branch], body: .forEach(body)))
    }
}
