import Logging
import PostgresPQ
import Synchronization
import Waymark

/// Which sagas this completionist keeps apart, because their keys kill one holder after the other: it takes one key of
/// them now and then, so that the others' work gets done in between. What tells is in the rows, since whoever saw the
/// deaths is dead.
final class Quarantine: Sendable {
    private struct State {
        var sagas: Set<String> = []
        var lookDueAt: ContinuousClock.Instant?
        var triedAt: ContinuousClock.Instant?
    }

    private let state = Mutex(State())

    /// The sagas in quarantine, looked up anew where the last look is too old.
    /// - Throws: `PostgresError`.
    func sagas(_ engine: Engine) async throws -> Set<String> {
        let (known, lookDueAt) = state.withLock { ($0.sagas, $0.lookDueAt) }
        let start = engine.clock.now()
        if let lookDueAt, start < lookDueAt { return known }
        let rows = try await engine.postgres.pipeline([
            KeyStatements.uncompiled, engine.statements.dyingSagas(accepted: engine.registry.accepted),
        ])[1]
        let sagas = Set(try rows.decode(String.self))
        state.withLock { state in
            // It looks at all that is due, and at all that vacuum cannot remove.
            let now = engine.clock.now()
            state.lookDueAt = now + max(EngineLimits.quarantineLook, (now - start) * LookFloor.share)
            state.sagas = sagas
        }
        for saga in sagas.subtracting(known).sorted() {
            engine.logger.error("saga is in quarantine: its keys kill their holders", metadata: ["saga": .string(saga)])
        }
        for saga in known.subtracting(sagas).sorted() {
            engine.logger.notice("saga is out of quarantine", metadata: ["saga": .string(saga)])
        }
        return sagas
    }

    /// Whether it is time to try one key of those sagas; true at most once a pause.
    func mayTry(at now: ContinuousClock.Instant) -> Bool {
        state.withLock { state in
            if let triedAt = state.triedAt, now - triedAt < EngineLimits.quarantinePause { return false }
            state.triedAt = now
            return true
        }
    }
}
