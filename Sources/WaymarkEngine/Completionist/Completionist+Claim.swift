import Logging
import PostgresPQ
import Synchronization
import Waymark

extension Completionist {
    /// Up to where due keys were looked for.
    struct Looked {
        var floor = LookFloor()
        /// Without which sagas.
        var quarantined: Set<String> = []
    }

    /// Claims up to `limit` due keys.
    /// - Returns: them, and when the claim was sent.
    func claim(limit: Int) async throws -> (rows: [ClaimedRow], at: ContinuousClock.Instant) {
        let quarantined = try await quarantine.sagas(engine)
        let sentAt = engine.clock.now()
        if !quarantined.isEmpty, quarantine.mayTry(at: sentAt) {
            let accepted = engine.registry.accepted { quarantined.contains($0) }
            let claim = engine.statements.claimDue(limit: 1, accepted: accepted)
            return (claimed(try await engine.postgres.pipeline([KeyStatements.inIndexOrder, claim])[1]), sentAt)
        }
        return (try await claim(limit, besides: quarantined, sentAt), sentAt)
    }

    /// Claims of all sagas but those in quarantine, from where the last look ended.
    private func claim(
        _ limit: Int, besides quarantined: Set<String>, _ sentAt: ContinuousClock.Instant
    ) async throws -> [ClaimedRow] {
        let start = looked.withLock { looked in
            // What was left alone until now may be behind the floor.
            if looked.quarantined != quarantined { looked = Looked(quarantined: quarantined) }
            return looked.floor.start(at: sentAt)
        }
        let accepted =
            quarantined.isEmpty ? engine.registry.accepted : engine.registry.accepted { !quarantined.contains($0) }
        // One transaction, so the time is that of the look.
        let answers = try await engine.postgres.pipeline([
            KeyStatements.inIndexOrder, engine.statements.clock,
            engine.statements.claimDue(limit: limit, accepted: accepted, dueFrom: start ?? -.infinity),
        ])
        let rows = claimed(answers[2])
        let margin = try answers[1].decode(Double.self)[0] - LookFloor.margin
        // Where there may be more, what is left was due no earlier than what was taken.
        let end = answers[2].count < limit ? margin : rows.compactMap(\.dueAt).max().map { min($0, margin) }
        let now = engine.clock.now()
        looked.withLock { $0.floor.looked(from: start, to: end, taking: now - sentAt, at: now) }
        return rows
    }

    private func claimed(_ rows: PostgresRows) -> [ClaimedRow] {
        engine.metrics.claim(rows.count)
        return rows.compactMap { row in
            do {
                return try ClaimedRow(row)
            } catch {
                // One row that cannot be read must not hold up the others claimed with it.
                engine.logger.error("a key cannot be read", metadata: ["error": .string(Runner.text(of: error))])
                return nil
            }
        }
    }
}
