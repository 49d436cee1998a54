import Foundation
import Synchronization

/// The servers, in turn: those that could be reached lately first.
final class ServerList: Sendable {
    private struct State {
        /// Where the next request begins.
        var turn = Int.random(in: 0..<1024)
        var restingUntil: [URL: ContinuousClock.Instant] = [:]
    }

    private let bases: @Sendable () -> [URL]
    private let state = Mutex(State())

    init(_ bases: @escaping @Sendable () -> [URL]) { self.bases = bases }

    /// The server to ask next, of those not in `tried`; nil when all were.
    func next(except tried: Set<URL> = []) -> URL? {
        let open = bases().filter { !tried.contains($0) }
        guard !open.isEmpty else { return nil }
        let now = ContinuousClock.now
        return state.withLock { state in
            state.turn &+= 1
            let start = state.turn % open.count
            let turned = open[start...] + open[..<start]
            let awake = turned.first { state.restingUntil[$0].map { $0 <= now } ?? true }
            // All rest: the one that has rested longest.
            return awake ?? turned.min { (state.restingUntil[$0] ?? now) < (state.restingUntil[$1] ?? now) }
        }
    }

    /// Has a server rest that gave no answer.
    func rest(_ base: URL, for duration: Duration) {
        let now = ContinuousClock.now
        state.withLock { state in
            // Servers that come and go must not pile up.
            state.restingUntil = state.restingUntil.filter { $0.value > now }
            state.restingUntil[base] = now + duration
        }
    }
}
