import Waymark

extension RunMachine.Action {
    /// What happens next, in one word for logs: never a rejection's body.
    var logName: String {
        switch self {
        case .perform: "perform"
        case .begin: "begin"
        case .reconcile: "reconcile"
        case .degrade: "degrade"
        case .retry: "retry"
        case .release: "release"
        case .reject: "reject"
        case .park: "park"
        case .done: "done"
        }
    }
}
