/// Waits for an event from outside: a person's approval, another system's webhook. A waiting request holds no lease, no
/// connection and no memory.
///
/// The event is delivered by the step's name, through `Orchestrator.signal`, HTTP or the command line. One that is early is
/// kept. The first one counts; the same again changes nothing.
public struct WaitFor<Input: Codable & Sendable, Event: Codable & Sendable, Output: Codable & Sendable>: RecordedStep {
    public var options: StepOptions
    let name: String
    let receive: @Sendable (Input, Event?) throws -> Output

    /// - Parameters:
    ///   - name: the recovery point and the event's name, stored; unique in the saga and never reused for something else.
    ///   - timeout: how long to wait for the event, counted from the commit with which the wait begins.
    ///   - receive: makes the step's output from its input and the event, or from nil when the time is over. It may throw
    ///     a `Rejection`; any other error parks the request.
    public init(
        _ name: String, event: Event.Type, timeout: Duration,
        _ receive: @escaping @Sendable (Input, Event?) throws -> Output
    ) {
        self.name = name
        self.receive = receive
        options = StepOptions(timeout: timeout)
    }

    public func declare(into steps: inout StepList) {
        let (name, receive) = (self.name, self.receive)
        steps.append(
            declared(
                name, .wait,
                body: .wait(
                    EventBody(
                        decode: { try JSONCoding.decode(Event.self, from: $0) },
                        eventType: String(describing: Event.self),
                        receive: { input, event in
                            try StepValue(output: receive(cast(input, for: name), event.map { cast($0, for: name) }))
                        }))))
    }
}
