/// Has another saga do something, and waits for its answer, holding nothing meanwhile.
///
/// The child is a request of its own, with a key derived from its parent's; it starts in the commit with which the wait
/// begins. A child that is rejected rejects its parent with the same answer, or has it go on with what `orElse` says.
///
/// It is the child's own steps that are tried again, and that have timeouts. While the child is parked its parent says so, and
/// waits.
public struct Child<Input: Codable & Sendable, Other: Saga, Output: Codable & Sendable>: UndoableStep {
    public var options = StepOptions()
    let name: String
    let request: @Sendable (Input) throws -> Other.Request
    let receive: @Sendable (Input, Other.Response) throws -> Output

    /// - Parameters:
    ///   - name: the recovery point, stored; unique in the saga and never reused for something else.
    ///   - request: what the child is asked, from the step's input.
    ///   - receive: makes the step's output from its input and the child's answer.
    public init(
        _ name: String, _ saga: Other.Type, request: @escaping @Sendable (Input) throws -> Other.Request,
        _ receive: @escaping @Sendable (Input, Other.Response) throws -> Output
    ) {
        self.name = name
        self.request = request
        self.receive = receive
    }

    /// Goes on with `value` when the child is rejected, or its answer cannot be received. The journal marks the output as
    /// degraded, and a degraded step is not undone: the child has undone what it did.
    public func orElse(_ value: Output) -> Self {
        orElse { _ in value }
    }

    /// Goes on with a value made from the step's input when the child is rejected: see `orElse(_:)`.
    public func orElse(_ substitute: @escaping @Sendable (Input) throws -> Output) -> Self {
        with("orElse") { $0.degrade(substitute) }
    }

    public func declare(into steps: inout StepList) {
        let (name, request, receive) = (self.name, self.request, self.receive)
        steps.append(
            declared(
                name, .child(saga: Other.name),
                body: .child(
                    ChildBody(
                        version: Other.version,
                        request: { input in
                            do {
                                return try StepValue(output: request(cast(input, for: name)))
                            } catch let error as UnstorableOutput {
                                throw UnstorableOutput(description: "the request of saga '\(Other.name)': \(error)")
                            }
                        },
                        decode: { try JSONCoding.decode(Other.Response.self, from: $0) },
                        receive: { input, answer in
                            try StepValue(
                                output: receive(
                                    cast(input, for: name), JSONCoding.decode(Other.Response.self, from: answer)))
                        }))))
    }
}
