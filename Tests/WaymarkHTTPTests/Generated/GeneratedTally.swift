import HTTPTypes
import HummingbirdTesting
import Synchronization
import Testing

/// What became of the requests of a run.
final class GeneratedTally: Sendable {
    /// What names a key in the database.
    struct Name: Hashable {
        let scope: String
        let key: String
    }

    private struct State {
        var accepted: Set<Name> = []
        var kinds: [String: Int] = [:]
        var answers: [String: Int] = [:]
        var failures = 0
    }

    private let state = Mutex(State())

    var accepted: Set<Name> { state.withLock(\.accepted) }
    var failures: Int { state.withLock(\.failures) }

    func fail() { state.withLock { $0.failures += 1 } }

    /// - Returns: what is wrong with it: an acceptance that the generator does not know the key of.
    @discardableResult
    func count(_ request: GeneratedRequest, _ response: TestResponse) -> String? {
        let type = response.status.code < 400 ? "" : (try? response.problem())?.type.split(separator: ":").last ?? ""
        return state.withLock { state in
            state.kinds[request.kind, default: 0] += 1
            state.answers["\(response.status.code) \(type)", default: 0] += 1
            guard response.status.code < 300, request.method == .post, !request.path.contains("/events/") else {
                return nil
            }
            guard let caller = request.caller, !request.key.isEmpty else {
                return "accepted under a key unknown to the test"
            }
            state.accepted.insert(Name(scope: caller, key: request.key))
            return nil
        }
    }

    /// A run that refuses everything, or in which some flaw does not occur, proves nothing.
    func expectEveryKind() {
        let (accepted, kinds, answers) = state.withLock { ($0.accepted.count, $0.kinds, $0.answers) }
        #expect(accepted > 300)
        let flaws =
            KeyFlaw.allCases.map { "key: \($0)" } + BodyFlaw.allCases.map { "body: \($0)" }
            + FormFlaw.allCases.map { "form: \($0)" }
        for kind in ["good", "mutilated", "shared key", "wild", "event"] + flaws {
            #expect(kinds[kind, default: 0] > 0, "no request was \(kind)")
        }
        let expected = [
            "200 ", "201 ", "202 ", "400 invalid-idempotency-key", "400 malformed-request", "401 unauthorized",
            "404 not-found", "404 http-404", "409 event-conflict", "413 too-large", "415 unsupported-media-type",
            "422 idempotency-key-reused",
        ]
        for answer in expected { #expect(answers[answer, default: 0] > 0, "nobody was answered \(answer)") }
    }

    var report: String {
        let (accepted, answers) = state.withLock { ($0.accepted.count, $0.answers) }
        let list = answers.sorted { $0.key < $1.key }.map { "\($0.key)×\($0.value)" }
        return "accepted \(accepted) keys; \(list.joined(separator: ", "))"
    }
}
