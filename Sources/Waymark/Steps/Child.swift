/// Has another saga do something, and waits for its answer, holding nothing meanwhile.
///
/// The child is a request of its own, with a key derived from its parent's; it starts in the commit with which the wait
/// begins. A child that is rejected rejects its parent with the same answer.
public struct Child<Input: Codable & Sendable, Other: Saga, Output: Codable & Sendable>: ConfigurableStep {
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

    public func declare(into steps: inout StepList) {
        let (name, request, receive) = (self.name, self.request, self.receive)
        steps.append(
            declared(
                name, .child(saga: Other.name),
                body: .child(
                    ChildBody(
                        version: Other.version,
                        request: { try StepValue(output: request(cast($0, for: name))) },
                        decode: { try JSONCoding.decode(Other.Response.self, from: $0) },
                        receive: { input, answer in
                            try StepValue(
                                output: receive(
                                    cast(input, for: name), JSONCoding.decode(Other.Response.self, from: answer)))
                        }))))
    }
}
