import ServiceLifecycle
import Synchronization

/// A bell that ends pauses: for services that look for work now and then, and are told when there is some.
///
/// A ring that finds no pause ends the next one. So a service that looks, finds nothing and then rests misses no ring in between.
final class Bell: Sendable {
    private struct State {
        var hasRung = false
        var resting: [CheckedContinuation<Void, Never>] = []
    }

    private let state = Mutex(State())

    /// Ends the pauses under way, or else the next one.
    func ring() {
        let resting = state.withLock { state in
            state.hasRung = state.resting.isEmpty
            defer { state.resting = [] }
            return state.resting
        }
        for continuation in resting { continuation.resume() }
    }

    /// Pauses until the bell rings; returns also when the task is cancelled or shut down gracefully.
    func rest(_ pause: Duration) async {
        if pause <= .zero { return }
        let timer = Task {
            guard (try? await Task.sleep(for: pause)) != nil else { return }
            self.ring()
        }
        defer { timer.cancel() }
        await withTaskCancellationOrGracefulShutdownHandler {
            await wait()
        } onCancelOrGracefulShutdown: {
            self.ring()
        }
    }

    private func wait() async {
        await withCheckedContinuation { continuation in
            let hasRung = state.withLock { state in
                if !state.hasRung { state.resting.append(continuation) }
                defer { state.hasRung = false }
                return state.hasRung
            }
            if hasRung { continuation.resume() }
        }
    }
}
