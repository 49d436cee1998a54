import HTTPTypes
import Synchronization

/// What somebody else's system keeps, how it answered, and which answers it is told not to give.
final class ForeignSystem: Sendable {
    struct Contents: Sendable {
        /// Gigabytes by account.
        var quotas: [String: Int] = [:]
        var mailboxes: [String: Mailbox] = [:]
        /// Sizes by id.
        var machines: [String: String] = [:]
        /// Points by entry, by member.
        var counters: [String: [String: Int]] = [:]
    }

    enum Mailbox: Sendable {
        case there, gone
        /// It may not be deleted.
        case locked
    }

    /// What becomes of an answer after the effect.
    enum Fate: Sendable {
        case given
        /// The connection is closed instead.
        case lost
        /// It waits until the stream ends.
        case heldBack(AsyncStream<Void>)
    }

    private struct State {
        var contents = Contents()
        var answers: [String] = []
        var fates: [HTTPRequest.Method: Fate] = [:]
    }

    private let state = Mutex(State())

    /// Every request that was carried out, as method and status: `PUT 201`.
    var answers: [String] { state.withLock { $0.answers } }

    var contents: Contents { state.withLock { $0.contents } }

    func change<Result: Sendable>(_ body: (inout Contents) -> Result) -> Result {
        state.withLock { body(&$0.contents) }
    }

    /// Loses the answer to the next request of this method, when it is carried out.
    func loseAnswer(to method: HTTPRequest.Method) {
        state.withLock { $0.fates[method] = .lost }
    }

    /// Holds back the answer to the next request of this method, which is carried out, until the returned function is
    /// called.
    func holdAnswer(to method: HTTPRequest.Method) -> @Sendable () -> Void {
        let (stream, continuation) = AsyncStream<Void>.makeStream()
        state.withLock { $0.fates[method] = .heldBack(stream) }
        return { continuation.finish() }
    }

    /// Notes an answer, and tells what is to become of it.
    func note(_ method: HTTPRequest.Method, _ status: Int) -> Fate {
        state.withLock {
            $0.answers.append("\(method.rawValue) \(status)")
            return $0.fates.removeValue(forKey: method) ?? .given
        }
    }
}
