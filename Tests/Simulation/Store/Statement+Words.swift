import Waymark

extension Statement: CustomStringConvertible {
    /// For histories.
    package var description: String { word }

    /// What it is, in a word or two.
    var word: String {
        switch self {
        case .accept(let new, _): new.first.map { "accept, \($0.word)" } ?? "accept"
        case .start: "start"
        case .read: "read"
        case .claim(_, let fence, _): "claim(fence \(fence % 1_000))"
        case .claimDue: "claimDue"
        case .renew(_, let fence, _): "renew(fence \(fence % 1_000))"
        case .write(_, let fence, let point, _, let change): "\(change.word) from \(point) (fence \(fence % 1_000))"
        case .reap: "reap"
        case .stage(let job): "stage \(job.position)"
        case .claimJobs: "claimJobs"
        case .acknowledge: "acknowledge"
        case .retryJob: "retryJob"
        case .giveBackJob: "giveBackJob"
        case .bury: "bury"
        case .effect(let effect): "effect of step \(effect.step)"
        }
    }
}

extension Statement.Change {
    var word: String {
        switch self {
        case .advance(let point, _): "advance to \(point)"
        case .finish: "finish"
        case .begin(let point, _): "begin \(point)"
        case .rest(let point, _): "rest \(point)"
        case .reject: "reject"
        case .finishRejected: "finishRejected"
        case .recordAttempt(let attempt, _): "recordAttempt \(attempt)"
        case .release(let delay, _, _, _): "release for \(delay / .milliseconds) ms"
        case .park(let reason, _, _): "park \(reason.rawValue)"
        }
    }
}
