import Waymark

/// A reason why a request in flight cannot go on by this process's declarations as it would by those that brought it here.
enum InFlightFinding: Hashable {
    /// What is stored for a request.
    enum Value: Hashable {
        case request
        case output(step: String)
        case elements(step: String)
        case event(step: String)
        case answer(step: String)
    }

    /// A stored value that cannot be decoded as the type by which it would be read, and what is wrong with it.
    case undecodable(Value, String)
    /// The step that the request is in takes what this other step gives, which was never performed.
    case missing(step: String, neededBy: String)
    /// A committed step comes again.
    case repeated(step: String)
    case undeclaredWay(choice: String, label: String)
    /// The request is at a step that is not on the way which it went.
    case otherWay(choice: String, step: String)
    /// The branches under way are not those that are declared.
    case branches(group: String, String)
    /// A branch is over, and a step that comes last in it was not performed.
    case longerBranch(step: String, group: String)
    /// The request is on its way back, and nothing of what it committed has a compensation.
    case nothingToUndo
    case unreadable(String)

    /// The problem, as a clause.
    var problem: String {
        switch self {
        case .undecodable(let value, let complaint): "\(value) cannot be decoded: \(complaint)"
        case .missing(let step, let neededBy):
            "'\(neededBy)' takes what '\(step)' gives, and '\(step)' was not performed before it began"
        case .repeated(let step): "'\(step)' is committed, and would be performed again"
        case .undeclaredWay(let choice, let label): "'\(choice)' went the way '\(label)', which is not declared"
        case .otherWay(let choice, let step): "'\(step)' is on another way of '\(choice)' than it went"
        case .branches(_, let difference): difference
        case .longerBranch(let step, let group):
            "a branch of '\(group)' ended without '\(step)', which is its last step now"
        case .nothingToUndo: "it is being undone, and no committed step has a compensation"
        case .unreadable(let error): "its journal cannot be read: \(error)"
        }
    }

    /// What its author can do about it.
    var remedy: String {
        switch self {
        case .undecodable(let value, _): value.remedy
        case .missing(let step, let neededBy):
            "put '\(step)' after '\(neededBy)', or deploy it once no request is inside of '\(neededBy)'"
        case .repeated(let step): "put '\(step)' where it was"
        case .undeclaredWay(_, let label): "keep the case '\(label)' until no request is on its way"
        case .otherWay(_, let step): "keep '\(step)' where it was until no request is on its way"
        case .branches(let group, _):
            "give branches of '\(group)' the names on record, Branch(\"…\"), and add or remove one once no request is inside"
        case .longerBranch(let step, let group):
            "put '\(step)' after '\(group)', or deploy it once no request is inside"
        case .nothingToUndo: "keep the compensations until no request is on its way back"
        case .unreadable: "look at it with `keys show`"
        }
    }
}

extension InFlightFinding.Value: CustomStringConvertible {
    var description: String {
        switch self {
        case .request: "the request"
        case .output(let step): "the output of '\(step)'"
        case .elements(let step): "the elements of '\(step)'"
        case .event(let step): "the event that arrived for '\(step)'"
        case .answer(let step): "the answer that arrived for '\(step)'"
        }
    }

    fileprivate var remedy: String {
        switch self {
        case .request: "count the version up and declare the former type in requestChanges"
        case .output(let step): "count the version up and declare outputChanged(in:from:_:) on '\(step)'"
        case .elements(let step): "let '\(step)' take elements that also decode from what is stored"
        case .event(let step): "let '\(step)' wait for a type that also decodes from what was sent"
        case .answer(let step): "let the child of '\(step)' give a response that also decodes from what is stored"
        }
    }
}
