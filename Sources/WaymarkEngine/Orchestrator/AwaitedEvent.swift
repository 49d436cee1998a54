import Waymark

/// The wait of a saga that an event is for.
struct AwaitedEvent: Sendable {
    let saga: String
    /// What the wait is called in the row, now and in earlier versions: the step's name, and for one inside a ForEach its
    /// element. The first is the one that its runner looks for.
    let names: [String]
    /// The key's recovery points while it waits; within a group the branch says what it waits for.
    let points: [String]
    private let body: EventBody

    /// - Parameter event: the name of a `WaitFor`; for one inside a ForEach with the element, `signed[3]`.
    /// - Throws: `WaymarkError` (`unknownName`) when the saga does not wait for such an event.
    init(_ event: String, of saga: SagaDeclaration) throws {
        let (point, plan) = (RecoveryPoint(event), saga.plan)
        guard point.description == event, point.stage == nil, let index = plan.index(named: point.step),
            case .wait(let body) = plan[index].body
        else {
            throw WaymarkError(
                .unknownName, "saga '\(saga.name)' does not wait for an event '\(event)'", field: Self.field)
        }
        let elements = plan.isForEachElement(index) ? 0..<Limits.elements : nil
        guard elements.map({ $0.contains(point.element ?? -1) }) ?? (point.element == nil) else {
            let form = elements == nil ? "'\(point.step)', without an element" : "'\(point.step)[0]' and so on"
            throw WaymarkError(.unknownName, "saga '\(saga.name)' waits for \(form)", field: Self.field)
        }
        // The oldest name is the one that stays.
        let names = plan[index].formerNames + [plan[index].name]
        self.saga = saga.name
        self.names = names.map { RecoveryPoint(step: $0, element: point.element).description }
        points = names.map { RecoveryPoint(step: $0, stage: .waiting).description }
        self.body = body
    }

    /// The payload as it is stored: as the event's type encodes it, so that other spellings of it are the same.
    /// - Throws: `DecodingError` that names the field when it is not what the step waits for, `WaymarkError` when it is over
    ///   its limit.
    func stored(_ payload: JSONValue) throws -> String {
        guard let event = try body.decode(payload) as? any Encodable else {
            preconditionFailure("an event's type is Codable")
        }
        let json = try JSONCoding.encodeForStorage(event)
        if json.utf8.count > Limits.valueBytes {
            throw WaymarkError(.tooLarge, "the payload is \(json.utf8.count) bytes; \(Limits.valueBytes) at most")
        }
        return json
    }

    private static let field = "event"
}

extension StepPlan {
    /// Whether the step is performed for each element of an array.
    fileprivate func isForEachElement(_ index: Int) -> Bool {
        guard let group = group(of: line(of: index)), case .forEach = self[group].kind else { return false }
        return true
    }
}
