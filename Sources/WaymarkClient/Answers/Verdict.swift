/// What to do after an attempt that was answered.
enum Verdict: Equatable {
    case final
    case again(after: Duration?)

    /// - Parameter retryAfter: what the server asks to wait.
    init(_ answer: Answer, retryAfter: Duration?) {
        // A replay is stored, and so final whatever its status: a rejection may well be a 409.
        if answer.replayed || answer.isParked {
            self = .final
            return
        }
        // 202 with Retry-After is a request that waits for something; without, it is an answer like any other.
        let isWaiting = answer.status == 202 && retryAfter != nil
        self = isWaiting || Self.transient(answer.status) ? .again(after: retryAfter) : .final
    }

    /// Whether a status may pass. A rejection with such a status is asked for once more, and comes back as a replay.
    private static func transient(_ status: Int) -> Bool {
        switch status {
        // Not implemented, and HTTP version not supported: they do not pass.
        case 501, 505: false
        // The connection was too slow; the key's first request is under way; too many requests.
        case 408, 409, 429: true
        default: status >= 500
        }
    }
}
